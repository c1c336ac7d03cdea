/** The checkpoints that tests play: the reference in f32, packed into one file; and one of ddpm-cifar10-32's shape. */

import { readFileSync } from "node:fs";
import { build, floats, parse } from "./safetensors.mjs";

const fixture = (path) => new URL(`../fixtures/${path}`, import.meta.url);

/** `fixtures/checkpoints/fashion-mnist-reference` as the page loads it, weights untouched. */
export function referenceF32() {
  const folder = "checkpoints/fashion-mnist-reference";
  const { tensors } = parse(readFileSync(fixture(`${folder}/unet/diffusion_pytorch_model.safetensors`)));
  return build(tensors, {
    unet_config: readFileSync(fixture(`${folder}/unet/config.json`), "utf8"),
    scheduler_config: readFileSync(fixture(`${folder}/scheduler/scheduler_config.json`), "utf8"),
    ddpm: JSON.stringify({ format: 1 }),
  });
}

/** A packed file as it was when the format was new. */
export function packedOnce() {
  return readFileSync(fixture("packed/v1.safetensors"));
}

/**
 * Damaged copies of `file`, each with what must be said of it. In a page the browser's own JSON.parse reads a header and the
 * configurations in it, which the native tests cannot see.
 * @returns {{name: string, bytes: Buffer, words: RegExp}[]}
 */
export function damaged(file) {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString());
  const withText = (text) => {
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    return Buffer.concat([prefix, Buffer.from(text), file.subarray(8 + length)]);
  };
  const changed = (change) => {
    const copy = structuredClone(header);
    change(copy, copy.__metadata__);
    return withText(JSON.stringify(copy));
  };
  const configured = (key, change) =>
    changed((_, metadata) => {
      const text = metadata[key];
      metadata[key] = change(JSON.parse(text), text);
      if (typeof metadata[key] === "object") metadata[key] = JSON.stringify(metadata[key]);
    });
  const unet = (fields) => configured("unet_config", (config) => ({ ...config, ...fields }));
  const bias = "conv_in.bias";
  const entry = `${JSON.stringify(bias)}:${JSON.stringify(header[bias])}`;
  const twice = JSON.stringify(header).replace(entry, `${entry},${entry}`);
  return [
    { name: "a tensor twice", bytes: withText(twice), words: /twice/ },
    { name: "no JSON", bytes: withText("{\"a\":}"), words: /header is not the JSON/ },
    { name: "a list", bytes: withText(`{"a":[${"[".repeat(20000)}`), words: /header is not the JSON/ },
    { name: "a number for a tensor", bytes: changed((copy) => (copy[bias] = 3)), words: /tensor conv_in\.bias: expected dtype/ },
    { name: "another dtype", bytes: changed((copy) => (copy[bias].dtype = "I64")), words: /conv_in\.bias: expected dtype F32 or F16, found I64/ },
    { name: "half a size", bytes: changed((copy) => (copy[bias].shape = [1.5])), words: /conv_in\.bias: .*\(shape\)/ },
    { name: "a huge offset", bytes: changed((copy) => (copy[bias].data_offsets[1] = 2 ** 60)), words: /conv_in\.bias: .*\(data_offsets\)/ },
    { name: "a missing shape", bytes: changed((copy) => delete copy[bias].shape), words: /conv_in\.bias: shape: .*found nothing/ },
    { name: "a number for a text", bytes: changed((_, metadata) => (metadata.ddpm = 1)), words: /__metadata__: expected strings/ },
    { name: "a configuration cut short", bytes: configured("unet_config", (_, text) => text.slice(0, -2)), words: /unet_config: .*not JSON/ },
    { name: "deep lists", bytes: configured("unet_config", () => `{"a":${"[".repeat(300)}${"]".repeat(300)}}`), words: /unet_config: .*levels/ },
    { name: "another activation", bytes: unet({ act_fn: "relu" }), words: /act_fn: expected "silu" or "swish", found "relu"/ },
    { name: "far too many channels", bytes: unet({ in_channels: 1e20 }), words: /in_channels: expected 1 to 8192, found 100000000000000000000/ },
    { name: "a large epsilon", bytes: unet({ norm_eps: 2.5 }), words: /norm_eps: .*found 2\.5/ },
    {
      name: "an infinite number",
      bytes: configured("scheduler_config", (_, text) => text.replace(/"beta_end":[^,}]*/, '"beta_end": 1e999')),
      words: /scheduler_config: .*out of range/,
    },
  ];
}

/** Picture 0 of seed 7 by PyTorch in float64, as `{ddpm, ddim}`: 1000 steps of DDPM, 20 of DDIM; each [1, 28, 28]. */
export function referenceChain() {
  const { tensors } = parse(readFileSync(fixture("chain/fashion-mnist-reference.safetensors")));
  const first = (name) => floats(tensors.get(name)).subarray(0, 28 * 28);
  return { ddpm: first("ddpm.after_t0.x"), ddim: first("ddim20.x_0") };
}

/** A network of google/ddpm-cifar10-32's shape (35,746,307 parameters) with small made-up weights, in f16. */
export function cifarShaped() {
  const channels = [128, 256, 256, 256];
  const tensors = new Map();
  const add = (name, ...shape) => tensors.set(name, { dtype: "F16", shape, bytes: madeUp(name, shape) });
  const weighted = (name, ...shape) => (add(`${name}.weight`, ...shape), add(`${name}.bias`, shape[0]));
  const resnet = (name, from, to) => {
    weighted(`${name}.norm1`, from);
    weighted(`${name}.conv1`, to, from, 3, 3);
    weighted(`${name}.time_emb_proj`, to, 512);
    weighted(`${name}.norm2`, to);
    weighted(`${name}.conv2`, to, to, 3, 3);
    if (from !== to) weighted(`${name}.conv_shortcut`, to, from, 1, 1);
  };
  const attention = (name, width) => {
    weighted(`${name}.group_norm`, width);
    for (const part of ["to_q", "to_k", "to_v", "to_out.0"]) weighted(`${name}.${part}`, width, width);
  };

  weighted("conv_in", 128, 3, 3, 3);
  weighted("time_embedding.linear_1", 512, 128);
  weighted("time_embedding.linear_2", 512, 512);
  const skips = [128];
  let width = 128;
  channels.forEach((to, level) => {
    for (const layer of [0, 1]) {
      resnet(`down_blocks.${level}.resnets.${layer}`, width, to);
      if (level === 1) attention(`down_blocks.${level}.attentions.${layer}`, to);
      skips.push((width = to));
    }
    if (level < 3) {
      weighted(`down_blocks.${level}.downsamplers.0.conv`, to, to, 3, 3);
      skips.push(to);
    }
  });
  resnet("mid_block.resnets.0", 256, 256);
  attention("mid_block.attentions.0", 256);
  resnet("mid_block.resnets.1", 256, 256);
  [...channels].reverse().forEach((to, level) => {
    for (const layer of [0, 1, 2]) {
      resnet(`up_blocks.${level}.resnets.${layer}`, width + skips.pop(), to);
      if (level === 2) attention(`up_blocks.${level}.attentions.${layer}`, to);
      width = to;
    }
    if (level < 3) weighted(`up_blocks.${level}.upsamplers.0.conv`, to, to, 3, 3);
  });
  weighted("conv_norm_out", 128);
  weighted("conv_out", 3, 128, 3, 3);

  return build(tensors, {
    unet_config: JSON.stringify(CIFAR_UNET),
    scheduler_config: JSON.stringify(CIFAR_SCHEDULER),
    ddpm: JSON.stringify({ format: 1 }),
  });
}

/** f16 weights between ±0.02, around 1 for a norm's scale; deterministic. */
function madeUp(name, shape) {
  const norm = /norm.*\.weight$/.test(name);
  const bytes = Buffer.alloc(2 * shape.reduce((product, side) => product * side, 1));
  let state = 12345;
  for (let offset = 0; offset < bytes.length; offset += 2) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // 0x3c00 is 1; 0x2000 to 0x23ff is 0.0078 to 0.0156, with a random sign.
    bytes.writeUInt16LE(norm ? 0x3c00 : 0x2000 | (state >>> 22) | ((state & 0x200000) >>> 6), offset);
  }
  return bytes;
}

const CIFAR_UNET = {
  _class_name: "UNet2DModel",
  act_fn: "silu",
  attention_head_dim: null,
  block_out_channels: [128, 256, 256, 256],
  center_input_sample: false,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
  downsample_padding: 0,
  flip_sin_to_cos: false,
  freq_shift: 1,
  in_channels: 3,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-6,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 32,
  time_embedding_type: "positional",
  up_block_types: ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
};

const CIFAR_SCHEDULER = {
  _class_name: "DDPMScheduler",
  beta_end: 0.02,
  beta_schedule: "linear",
  beta_start: 0.0001,
  clip_sample: true,
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  variance_type: "fixed_large",
};
