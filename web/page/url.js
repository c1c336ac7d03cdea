/** The element's state in the page's address: the keys are the attributes' names. */

import { ATTRIBUTES } from "../element/attributes.js";

/** What a link carries; the rest (controls, poster, …) is the page's own. */
export const KEYS = ["model", "count", "seed", "sampler", "steps", "eta", "label", "guidance", "view", "speed"];
/** Browsers refuse an address that changes too often. */
const DELAY = 200;

/** Sets the attributes that the address names; without a seed, a new one is drawn. */
export function applyUrl(element) {
  const parameters = new URLSearchParams(location.search);
  for (const key of KEYS) {
    if (parameters.has(key)) element.setAttribute(key, parameters.get(key));
  }
  if (!parameters.has("seed")) element.seed = randomSeed();
}

/** Keeps the address up to date from now on. */
export function keepUrl(element) {
  let timer = 0;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", link(element)), DELAY);
  };
  new MutationObserver(changed).observe(element, { attributeFilter: KEYS });
  changed();
}

/** The address of exactly this: same model, seed and settings. */
export function link(element) {
  const url = new URL(location.href);
  url.search = "";
  for (const key of KEYS) {
    const value = element[key];
    const needed = key === "seed" || (value !== ATTRIBUTES[key].fallback && !(key === "model" && element.file));
    if (needed) url.searchParams.set(key, value);
  }
  // Slashes and colons may stand in a query; a link is read by people too.
  url.search = url.search.replaceAll("%2F", "/").replaceAll("%3A", ":");
  return url.href;
}

/** Six digits: short enough to read out, many enough not to repeat. */
export function randomSeed() {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return String(word % 1000000);
}
