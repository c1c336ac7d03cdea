/** The wasm module: loaded once for all elements of a page. */

import { importProgram, programAddress } from "../root.js";
import { DdpmError, toDdpmError } from "./errors.js";
import { settings } from "./settings.js";

let loading;
const listeners = new Set();

/** The wasm-bindgen module with `Gpu` and `Player`, ready to use. A failed load is tried anew at the next call. */
export function runtime() {
  loading ??= load().catch((thrown) => {
    loading = undefined;
    throw thrown;
  });
  return loading;
}

async function load() {
  let module;
  try {
    module = await importProgram();
    await module.default({ module_or_path: settings.wasm ?? programAddress() });
  } catch (thrown) {
    throw new DdpmError("load", `The page's program could not be loaded: ${thrown.message ?? thrown}`);
  }
  addEventListener("error", (event) => report(event.error));
  addEventListener("unhandledrejection", (event) => report(event.reason));
  return module;
}

/**
 * Calls `listener` with a DdpmError when wasm panics outside any call of ours: in a task of its own, where the promise
 * that waits for it would never settle. Returns a function that stops listening.
 */
export function onPanic(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function report(thrown) {
  if (!(thrown instanceof WebAssembly.RuntimeError)) return;
  for (const listener of listeners) listener(toDdpmError(thrown));
}
