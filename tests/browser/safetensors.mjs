/** Just enough of the safetensors format for tests: read one, write one. */

/** @returns {{metadata: object, tensors: Map<string, {dtype: string, shape: number[], bytes: Buffer}>}} */
export function parse(buffer) {
  const length = Number(buffer.readBigUInt64LE(0));
  const header = JSON.parse(buffer.subarray(8, 8 + length).toString());
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, bytes: buffer.subarray(8 + length + begin, 8 + length + end) });
  }
  return { metadata: header.__metadata__ ?? {}, tensors };
}

/** @param {Map<string, {dtype: string, shape: number[], bytes: Buffer}>} tensors */
export function build(tensors, metadata) {
  const header = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += bytes.length)] };
  }
  let text = JSON.stringify(header);
  text = text.padEnd(text.length + ((8 - (text.length % 8)) % 8), " ");
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, Buffer.from(text), ...Array.from(tensors.values(), ({ bytes }) => bytes)]);
}

/** An F32 tensor's values. */
export function floats({ dtype, bytes }) {
  if (dtype !== "F32") throw new Error(`expected F32, found ${dtype}`);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
