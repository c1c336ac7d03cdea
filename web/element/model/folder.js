/** A folder's weights and configurations as one packed file: the weights' header takes the configurations' texts in. */

import { DdpmError } from "../errors.js";

/**
 * @param {Uint8Array} weights a safetensors file
 * @param {string} config the text of the network's `config.json`
 * @param {string | null} scheduler that of `scheduler_config.json`; null: the paper's process
 * @returns {Uint8Array} the packed file
 */
export function withConfigurations(weights, config, scheduler) {
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
