/** A model's bytes, from an address or from a dropped file, with progress. */

import { DdpmError } from "./errors.js";

/**
 * The bytes of `source`, a `File` or an absolute address.
 * @param {File | string} source
 * @param {(done: number, total: number) => void} onProgress bytes; `total` is 0 where the server does not say
 * @param {AbortSignal} signal
 * @returns {Promise<Uint8Array>}
 */
export async function readWeights(source, onProgress, signal) {
  if (source instanceof File) return new Uint8Array(await source.arrayBuffer());
  const response = await request(source, signal);
  const encoded = response.headers.get("content-encoding");
  const total = encoded ? 0 : Number(response.headers.get("content-length")) || 0;
  try {
    return await collect(response.body.getReader(), total, onProgress);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw new DdpmError("load", `${source} broke off while it was being downloaded.`);
  }
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
  if (!response.ok) throw new DdpmError("load", `${address} could not be loaded: the server answered ${response.status}.`);
  return response;
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
