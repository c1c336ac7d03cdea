/**
 * The project's noise: Philox4x32-10 (Salmon et al. 2011) and Box–Muller normals, a function of seed, stream, timestep, picture
 * and element. The words are those of every other part of the project, the normals are within 1e-5 of theirs.
 */

/** What a draw is for. */
export const REVERSE_NOISE = 1;
export const FORWARD_NOISE = 2;

const ROUNDS = 10;

/**
 * Standard normals of elements 0 to `count` − 1 of one picture.
 * @param {{seed: string, stream: number, t: number, sample: number}} draw `seed` is a decimal number below 2^64
 * @returns {Float32Array}
 */
export function normals({ seed, stream, t, sample }, count) {
  const key = [BigInt.asUintN(32, BigInt(seed)), BigInt(seed) >> 32n].map(Number);
  const out = new Float32Array(count);
  for (let first = 0; first < count; first += 4) {
    const words = philox([first / 4, t, sample, stream], key);
    const pairs = [normalPair(words[0], words[1]), normalPair(words[2], words[3])].flat();
    out.set(pairs.slice(0, count - first), first);
  }
  return out;
}

/** Ten rounds: four words of 32 bits from a counter of four and a key of two. */
export function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const [high0, low0] = product(0xd2511f53, c0);
    const [high1, low1] = product(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64 bits of a · b as two words; no partial sum leaves what doubles hold exactly. */
function product(a, b) {
  const [aHigh, aLow] = [a >>> 16, a & 0xffff];
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const first = aHigh * bLow + Math.floor((aLow * bLow) / 65536);
  const second = aLow * bHigh + (first % 65536);
  return [aHigh * bHigh + Math.floor(first / 65536) + Math.floor(second / 65536), Math.imul(a, b) >>> 0];
}

function normalPair(radius, angle) {
  const r = Math.sqrt(Math.max(0, -2 * Math.log(uniform(radius))));
  const turn = 2 * Math.PI * uniform(angle);
  return [r * Math.cos(turn), r * Math.sin(turn)];
}

/** ((x >> 9) + ½) · 2⁻²³: never 0 or 1. */
function uniform(word) {
  return ((word >>> 9) + 0.5) / 2 ** 23;
}
