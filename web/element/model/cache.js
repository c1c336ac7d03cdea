/**
 * Models kept for the next visit, in the browser's Cache API. One with a hash is what it was; of any other the server is asked
 * first whether it is still the same, unless it cannot be reached.
 *
 * Where the browser has no storage, or no room in it, everything is downloaded anew.
 */

import { settings } from "../settings.js";

const NAME = "ddpm-models-1";
/** Headers that tell one version of a file from another. */
const VALIDATORS = ["etag", "last-modified"];

/** Whether `bytes` are what `integrity` asks for; "" asks for nothing. */
export async function matches(bytes, integrity) {
  return integrity === "" || (await import("./integrity.js")).fits(bytes, integrity);
}

const store = () => (settings.cache ? caches.open(NAME) : undefined);

/** The bytes that were kept of `address`, if they are the ones to be used. */
export async function cached(address, integrity, signal) {
  try {
    const found = await (await store())?.match(address);
    if (!found || !(integrity || (await isCurrent(found, address, signal)))) return undefined;
    const bytes = new Uint8Array(await found.arrayBuffer());
    return (await matches(bytes, integrity)) ? bytes : undefined;
  } catch {
    return undefined;
  }
}

async function isCurrent({ headers }, address, signal) {
  let now;
  try {
    now = await fetch(address, { method: "HEAD", signal });
  } catch {
    return !signal.aborted;
  }
  return now.ok && VALIDATORS.some((name) => headers.has(name) && headers.get(name) === now.headers.get(name));
}

/** Keeps `bytes` for later, if it can later be known whether they are still right. */
export async function keep(address, from, bytes, integrity) {
  const validators = VALIDATORS.filter((name) => from.has(name));
  if (!address.startsWith("http") || !(integrity || validators.length > 0)) return;
  try {
    const headers = Object.fromEntries(validators.map((name) => [name, from.get(name)]));
    await (await store())?.put(address, new Response(bytes, { headers }));
  } catch {
    // No room: it is downloaded again.
  }
}
