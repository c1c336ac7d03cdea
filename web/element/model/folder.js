/** Folders in diffusers' layout, as one packed file: the weights' header takes the configurations' texts in. */

import { DdpmError } from "../errors.js";
import { download } from "./download.js";

/**
 * @param {Uint8Array} weights a safetensors file
 * @param {string} config the text of the network's `config.json`
 * @param {string | null} scheduler that of `scheduler_config.json`; null: the paper's process
 * @returns {Uint8Array} the packed file
 */
function withConfigurations(weights, config, scheduler) {
  const view = new DataView(weights.buffer, weights.byteOffset, weights.length);
  let header;
  let length;
  try {
    length = Number(view.getBigUint64(0, true));
    header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + length)));
  } catch {
    throw new DdpmError("load", "The weights are no safetensors file.");
  }
  header.__metadata__ = { ...header.__metadata__, unet_config: config, ...(scheduler !== null && { scheduler_config: scheduler }) };
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Tensors begin at a multiple of 8; what fills up is JSON's white space.
  const padded = Math.ceil(text.length / 8) * 8;
  const packed = new Uint8Array(8 + padded + weights.length - 8 - length).fill(32, 0, 8 + padded);
  new DataView(packed.buffer).setBigUint64(0, BigInt(padded), true);
  packed.set(text, 8);
  packed.set(weights.subarray(8 + length), 8 + padded);
  return packed;
}

/** The packed file of the folder at this address; `options` as those of `download`. */
export async function readFolder(folder, options) {
  const { signal } = options;
  /** A small file's text; null where there is none. */
  const text = async (path) => {
    try {
      return new TextDecoder().decode(await download(folder + path, { signal }));
    } catch (thrown) {
      if (thrown.missing) return null;
      throw thrown;
    }
  };
  let unet = "";
  let config = await text("config.json");
  if (config === null) config = await text(`${(unet = "unet/")}config.json`);
  if (config === null) throw new DdpmError("load", `${folder} has no config.json and no unet/config.json, so it is no model of diffusers.`);
  const scheduler = await text(unet ? "scheduler/scheduler_config.json" : "scheduler_config.json");
  const file = `${folder}${unet}diffusion_pytorch_model.safetensors`;
  try {
    return withConfigurations(await download(file, options), config, scheduler);
  } catch (thrown) {
    if (!thrown.missing) throw thrown;
    throw new DdpmError("load", `${file} is missing: weights in other formats have to be saved as safetensors by diffusers first.`);
  }
}
