/** What can be copied: a link to exactly this, the embed code, the text of a listing. */

import { ATTRIBUTES } from "../element/attributes.js";
import { KEYS, link } from "./url.js";

/** How long a button says what it did, in milliseconds. */
const SAID = 2000;

function textOf(what, element, button) {
  if (what === "embed") return embedCode(element);
  if (what !== "link") return document.getElementById(what).textContent;
  const url = new URL(link(element));
  url.hash = button.closest(".chapter")?.id ?? "";
  return url.href;
}

/** Copies what `button`'s `data-copy` names: "link", "embed", or the id of an element whose text it is. */
export async function copy(button, element) {
  const said = document.querySelector("#said");
  const before = (button.dataset.label ??= button.textContent);
  try {
    await navigator.clipboard.writeText(textOf(button.dataset.copy, element, button));
    said.textContent = "Copied";
  } catch {
    said.textContent = button.dataset.copy === "link" ? "Copy it from the address bar" : "Select it and copy it";
  }
  button.textContent = said.textContent;
  setTimeout(() => (button.textContent = before), SAID);
}

/** A page's code for the chain as it is set now. */
export function embedCode(element) {
  const folder = new URL(".", location.href);
  const set = KEYS.filter((key) => element[key] !== ATTRIBUTES[key].fallback);
  const value = (key) => (key === "model" ? new URL(element.model, folder).href : element[key]);
  const attributes = set.map((key) => ` ${key}="${String(value(key)).replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"`);
  return `<link rel="stylesheet" href="${folder}ddpm-canvas.css">
<script type="module" src="${folder}ddpm-canvas.js"></script>
<ddpm-canvas${attributes.join("")} controls loading="lazy"></ddpm-canvas>`;
}
