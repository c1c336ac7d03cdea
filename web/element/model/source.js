/**
 * What a `model` is: a packed file, a folder in diffusers' layout, a repository of Hugging Face, or a file that was dropped.
 *
 * - `name`: a packed file in the folder of models that come with the element
 * - `owner/name`, `owner/name@revision`: a repository
 * - an address that ends in `/`: a folder
 * - any other address: a packed file
 */

import { ROOT } from "../../root.js";
import { settings } from "../settings.js";
import { download } from "./download.js";

/** The absolute address of `model`, an attribute's text; of a folder it ends in a slash. */
export function addressOf(model) {
  if (/^[\w-]+$/.test(model)) {
    const folder = settings.models === null ? new URL("models/", ROOT) : new URL(settings.models, document.baseURI);
    return new URL(`${model}.safetensors`, folder).href;
  }
  const [, repository, revision = "main"] = /^([\w-][\w.-]*\/[\w.-]+)(?:@([\w.-]+))?$/.exec(model) ?? [];
  if (repository && !model.endsWith(".safetensors")) {
    return new URL(`${repository}/resolve/${revision}/`, settings.hub).href;
  }
  return new URL(model, document.baseURI).href;
}

/**
 * A packed model's bytes.
 * @param {File | string} source a file, or what `addressOf` made
 * @param {{integrity?: string, onProgress: (done: number, total: number) => void, signal: AbortSignal}} options
 * @returns {Promise<Uint8Array>}
 */
export async function readModel(source, options) {
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (!new URL(source).pathname.endsWith("/")) return download(source, options);
  const { readFolder } = await import("./folder.js");
  return readFolder(source, options);
}
