/** The tests' server: `dist/` under a sub-path, models that are whole, cut short and broken off, and what pages are opened with. */

import { hub } from "./hub.mjs";
import { cifarShaped, damaged, packedOnce, referenceF32 } from "./models.mjs";
import { pages } from "./pages.mjs";
import { serve } from "./server.mjs";

/** A static host may put the page anywhere. */
export const SUB_PATH = "/some/where/";

/**
 * `address` is the page's; `requests` is what was asked for, as "GET /path"; `answers` are the paths that cases add, each with a
 * function (request, response).
 */
export async function testServer(dist) {
  const reference = referenceF32();
  let cifar;
  const whole = (bytes) => (request, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
  const files = damaged(reference).map(({ bytes }, index) => [damagedAddress(index), whole(bytes)]);
  const answers = {
    ...Object.fromEntries(files),
    ...pages(SUB_PATH),
    ...hub(),
    "/models/reference-f32.safetensors": whole(reference),
    "/models/packed-once.safetensors": whole(packedOnce()),
    "/models/cut-short.safetensors": whole(reference.subarray(0, reference.length / 2)),
    "/models/cut-in-the-header.safetensors": whole(reference.subarray(0, 1000)),
    "/models/a-page.safetensors": whole(Buffer.from("<!doctype html><title>Not found</title>")),
    "/models/broken-off.safetensors": (request, response) => {
      response.writeHead(200, { "content-length": reference.length });
      response.write(reference.subarray(0, 100000), () => setTimeout(() => response.destroy(), 200));
    },
    "/models/slow.safetensors": (request, response) => {
      response.writeHead(200, { "content-length": reference.length });
      const pieces = 10;
      const size = Math.ceil(reference.length / pieces);
      const send = (piece) => {
        if (piece === pieces) return response.end();
        response.write(reference.subarray(piece * size, (piece + 1) * size));
        setTimeout(send, 100, piece + 1);
      };
      send(0);
    },
    "/models/cifar.safetensors": (request, response) => whole((cifar ??= cifarShaped()))(request, response),
  };
  const requests = [];
  const route = (path, { method }) => {
    requests.push(`${method} ${path}`);
    return answers[path];
  };
  const server = await serve(dist, 0, { mount: SUB_PATH, route });
  return { address: new URL(SUB_PATH, server.address).href, requests, answers, close: server.close };
}

/** Where the server has the damaged file of this number. */
export function damagedAddress(index) {
  return `/models/damaged-${index}.safetensors`;
}

/** The settings of most cases: the reference in f32, one picture of seed 7, 20 steps of DDIM. */
export const SHORT = { model: "/models/reference-f32.safetensors", count: 1, seed: 7, sampler: "ddim", steps: 20 };

/** Opens the page with `settings` in its address and waits until it is in `state`. */
export async function openPage({ open, address }, settings, state, seconds = 60) {
  const page = await open();
  await page.goto(`${address}?${new URLSearchParams(settings)}`);
  if (state) await untilState(page, state, seconds);
  return page;
}

/** Waits for one of the states, "a" or "a|b". */
export function untilState(page, state, seconds = 60) {
  const reached = (wanted) => wanted.split("|").includes(document.querySelector("ddpm-canvas").state);
  return page.until(`state ${state}`, reached, state, seconds);
}

/** Opened, and paused before its first step or soon after. */
export async function openPaused(context, settings) {
  const page = await context.open();
  await page.prepare("addEventListener('DOMContentLoaded', () => document.querySelector('ddpm-canvas').removeAttribute('autoplay'));");
  await page.goto(`${context.address}?${new URLSearchParams(settings)}`);
  await page.until("the first noise", () => document.querySelector("ddpm-canvas").progress.stepsTotal > 0);
  await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
  await untilState(page, "paused");
  return page;
}

/** Where the chain stands: t, stepsDone, stepsTotal, kept. */
export function progressOf(page) {
  return page.evaluate(() => {
    const { progress } = document.querySelector("ddpm-canvas");
    return { ...progress, kept: Array.from(progress.kept) };
  });
}

/** x_t as an array of numbers. */
export function valuesOf(page) {
  return page.evaluate(async () => Array.from(await document.querySelector("ddpm-canvas").values()));
}

/** Mean |Δ| of two arrays of pictures on [-1, 1], with the pictures put on [0, 1]. */
export function meanDifference(a, b) {
  if (a.length !== b.length || a.length === 0) throw new Error(`${a.length} values against ${b.length}`);
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += Math.abs(a[index] - b[index]) / 2;
  return sum / a.length;
}

export function check(condition, words) {
  if (!condition) throw new Error(words);
}

export function equal(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  check(a === b, `${what}: expected ${b}, found ${a}`);
}
