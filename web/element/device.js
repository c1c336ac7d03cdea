/**
 * The one GPU device of a page: made for the first session that wants it, given back after the last; and what happens to it,
 * which happens to all of them.
 */

import { requireWebGpu, toDdpmError } from "./errors.js";
import { runtime } from "./runtime.js";

/** Asked this often what went wrong, in milliseconds, beside after every turn. */
const POLL_INTERVAL = 1000;

/** Of the present device: its promise, and itself once it is there. */
let present;
let timer = 0;
const users = new Set();

/**
 * The device, for a session until it is released.
 * @param {{onFault: (error: import("./errors.js").DdpmError, gpu: object) => void}} user hears of faults
 */
export async function acquire(user) {
  requireWebGpu();
  users.add(user);
  timer ||= setInterval(poll, POLL_INTERVAL);
  for (;;) {
    const mine = (present ??= open());
    try {
      const gpu = await mine.promise;
      // It may have been lost meanwhile.
      if (present === mine) return gpu;
    } catch (thrown) {
      if (present === mine) present = undefined;
      throw thrown;
    }
  }
}

function open() {
  const device = { gpu: undefined };
  device.promise = runtime()
    .then(({ Gpu }) => Gpu.request())
    .then((gpu) => (device.gpu = gpu));
  return device;
}

export function release(user) {
  users.delete(user);
  if (users.size > 0) return;
  clearInterval(timer);
  timer = 0;
  giveBack();
}

function giveBack() {
  present?.promise.then((gpu) => gpu.destroy(), () => {});
  present = undefined;
}

/** Takes up what went wrong since the last call; true if something did. */
export function poll() {
  const gpu = present?.gpu;
  const error = gpu?.error();
  if (error) fault(toDdpmError(error), gpu);
  return Boolean(error);
}

/** A fault of `gpu` befalls all its sessions; a lost device is replaced when the first of them asks again. */
export function fault(error, gpu) {
  if (error.type === "device-lost" && present?.gpu === gpu) giveBack();
  for (const user of [...users]) user.onFault(error, gpu);
}

let last = Promise.resolve();

/** Runs `work` after whatever was given here before: sessions start their chains one at a time, and share the kernels. */
export function inTurn(work) {
  return (last = last.then(work, work));
}
