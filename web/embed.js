/**
 * A page with one `<ddpm-canvas>`, for hosts that take nothing but an `<iframe>`: `embed.html?model=…&controls&origin=https://…`.
 *
 * The query has the element's attributes. The page around the frame, if its origin is `origin` (absent: the referrer's), may
 * post `{ddpm: "play" | "pause" | "step" | "restart"}`, `{ddpm: "seek", t}` and `{ddpm: "set", name, value}`, and is posted every
 * event as `{ddpm: type, detail}`. Messages of others are not read.
 */

import { ATTRIBUTES } from "./element/attributes.js";
import "./ddpm-canvas.js";

const EVENTS = ["progress", "load", "step", "complete", "error", "statechange"];
/** While it plays, a `step` is posted this often at most, in milliseconds. */
const INTERVAL = 100;

const query = new URLSearchParams(location.search);
const element = document.createElement("ddpm-canvas");
for (const name of Object.keys(ATTRIBUTES)) set(name, query.get(name));

const origin = originOf(query.get("origin") ?? document.referrer);
if (parent !== window && origin) {
  let posted = -Infinity;
  for (const type of EVENTS) {
    element.addEventListener(type, ({ detail }) => {
      const now = performance.now();
      if (type === "step" && element.state === "playing" && now - posted < INTERVAL) return;
      if (type === "step") posted = now;
      parent.postMessage({ ddpm: type, detail }, origin);
    });
  }
  addEventListener("message", (event) => {
    if (event.source !== parent || event.origin !== origin) return;
    const { ddpm, t, name, value } = event.data ?? {};
    if (["play", "pause", "step", "restart"].includes(ddpm)) element[ddpm]();
    if (ddpm === "seek" && typeof t === "number") element.seek(t);
    if (ddpm === "set" && name in ATTRIBUTES) set(name, value);
  });
}
document.querySelector("main").append(element);

/** Sets an attribute to a text; null, undefined and false remove it. */
function set(name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** The origin of an address, or null where it has none that a message could be for. */
function originOf(address) {
  const found = URL.canParse(address) ? new URL(address).origin : "null";
  return found === "null" ? null : found;
}
