/** Bytes from an address: with progress, kept for the next visit, checked, and fetched once however many elements want them. */

import { DdpmError } from "../errors.js";
import { cached, keep, matches } from "./cache.js";

/** By address and hash: `{bytes, listeners, controller}`. */
const underway = new Map();

/**
 * The bytes at `address`, an absolute one.
 * @param {string} address
 * @param {{integrity?: string, onProgress?: (done: number, total: number) => void, signal: AbortSignal}} options
 *   `integrity` is a hash as in HTML's `integrity`; `total` is 0 where the server does not say
 * @returns {Promise<Uint8Array>}
 */
export function download(address, { integrity = "", onProgress = () => {}, signal }) {
  const key = `${address} ${integrity}`;
  const shared = underway.get(key) ?? begin(key, address, integrity);
  shared.listeners.add(onProgress);
  return new Promise((resolve, reject) => {
    shared.bytes.then(resolve, reject);
    signal.addEventListener("abort", () => {
      shared.listeners.delete(onProgress);
      if (shared.listeners.size === 0) {
        if (underway.get(key) === shared) underway.delete(key);
        shared.controller.abort();
      }
      reject(signal.reason);
    });
  });
}

function begin(key, address, integrity) {
  const shared = { listeners: new Set(), controller: new AbortController() };
  const tell = (done, total) => shared.listeners.forEach((listener) => listener(done, total));
  shared.bytes = bytesOf(address, integrity, tell, shared.controller.signal).finally(() => {
    if (underway.get(key) === shared) underway.delete(key);
  });
  underway.set(key, shared);
  return shared;
}

async function bytesOf(address, integrity, onProgress, signal) {
  const known = await cached(address, integrity, signal);
  if (known) return known;
  const response = await request(address, signal);
  const encoded = response.headers.get("content-encoding");
  const total = encoded ? 0 : Number(response.headers.get("content-length")) || 0;
  const brokeOff = () => new DdpmError("load", `${address} broke off while it was being downloaded.`);
  let bytes;
  try {
    bytes = await collect(response.body.getReader(), total, onProgress);
  } catch (thrown) {
    throw signal.aborted ? thrown : brokeOff();
  }
  if (bytes.length < total) throw brokeOff();
  if (!(await matches(bytes, integrity))) {
    throw new DdpmError("load", `${address} is not the file that its integrity attribute asks for.`);
  }
  keep(address, response.headers, bytes, integrity);
  return bytes;
}

async function request(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw new DdpmError(
      "load",
      `${address} could not be reached: the address is wrong, the network is down, or that server does not let other sites read it.`,
    );
  }
  if (response.ok) return response;
  const error = new DdpmError("load", `${address} could not be loaded: the server answered ${response.status}.`);
  throw Object.assign(error, { missing: response.status === 404 });
}

async function collect(reader, total, onProgress) {
  const chunks = [];
  let done = 0;
  onProgress(0, total);
  for (;;) {
    const { value, done: finished } = await reader.read();
    if (finished) break;
    chunks.push(value);
    done += value.length;
    onProgress(done, Math.max(done, total) * (total > 0));
  }
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(done);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
