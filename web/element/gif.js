/** A GIF's blocks (GIF89a), all with palettes of 256 colours, and its LZW: symbols of 8 bits, codes of 9 to 12. */

const CLEAR = 256;
const END = 257;
/** The table is full at this many codes. */
const MOST = 4096;
/** Most bytes of a block of compressed pixels. */
const BLOCK = 255;
/** A palette follows, of 2^(7 + 1) colours. */
const WITH_PALETTE = 0x87;

const word = (number) => [number & 255, number >> 8];

/** A GIF that plays again and again. */
export class Gif {
  #size;
  #parts;

  /** Without frames; `palette`, 256 colours of three bytes, is that of frames that bring none. */
  constructor(width, height, palette) {
    this.#size = [...word(width), ...word(height)];
    this.#put("GIF89a", [...this.#size, 0x70 | (palette ? WITH_PALETTE : 0), 0, 0], palette ?? []);
    this.#put("\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0");
  }

  /** A frame of the GIF's size, `indices` into `palette` or the GIF's, shown for `hundredths` of a second. */
  add(indices, palette, hundredths) {
    // What follows stays until the next frame covers it.
    this.#put([0x21, 0xf9, 4, 1 << 2, ...word(hundredths), 0, 0]);
    this.#put([0x2c, 0, 0, 0, 0, ...this.#size, palette ? WITH_PALETTE : 0], palette ?? [], [8]);
    const bytes = compress(indices);
    for (let start = 0; start < bytes.length; start += BLOCK) {
      const block = bytes.subarray(start, start + BLOCK);
      this.#put([block.length], block);
    }
    this.#put([0]);
  }

  blob() {
    return new Blob([...this.#parts, Uint8Array.of(0x3b)], { type: "image/gif" });
  }

  #put(...parts) {
    this.#parts ??= [];
    for (const part of parts) {
      this.#parts.push(typeof part === "string" ? Uint8Array.from(part, (sign) => sign.charCodeAt(0)) : Uint8Array.from(part));
    }
  }
}

function compress(symbols) {
  const out = new Uint8Array(2 * symbols.length + 16);
  let [length, pending, count] = [0, 0, 0];
  let [table, next, width] = [new Map(), END + 1, 9];
  const put = (code) => {
    pending |= code << count;
    for (count += width; count >= 8; count -= 8, pending >>>= 8) out[length++] = pending & 255;
  };
  // The reader's table is a code behind: its codes widen once the next one needs it.
  const widen = () => {
    if (next === 1 << width && width < 12) width += 1;
  };
  put(CLEAR);
  let prefix = symbols[0];
  for (const symbol of symbols.subarray(1)) {
    const key = (prefix << 8) | symbol;
    const code = table.get(key);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    put(prefix);
    if (next === MOST) {
      put(CLEAR);
      [table, next, width] = [new Map(), END + 1, 9];
    } else {
      widen();
      table.set(key, next++);
    }
    prefix = symbol;
  }
  put(prefix);
  widen();
  put(END);
  if (count > 0) out[length++] = pending;
  return out.subarray(0, length);
}
