/** At most 256 colours for a picture, by median cut over colours of five bits a channel. */

const MOST = 256;

/** @param {Uint8ClampedArray} rgba @returns {{indices: Uint8Array, palette: Uint8Array}} */
export function colours(rgba) {
  const binOf = (at) => ((rgba[at] >> 3) << 10) | ((rgba[at + 1] >> 3) << 5) | (rgba[at + 2] >> 3);
  /** By bin: pixels, and the sums of their channels. */
  const sums = new Map();
  for (let at = 0; at < rgba.length; at += 4) {
    const bin = binOf(at);
    const sum = sums.get(bin) ?? sums.set(bin, [0, 0, 0, 0]).get(bin);
    sum[3] += 1;
    for (let channel = 0; channel < 3; channel += 1) sum[channel] += rgba[at + channel];
  }
  const level = (bin, channel) => (bin >> (10 - 5 * channel)) & 31;
  const cutOf = (bins) => {
    const widths = [0, 1, 2].map((channel) => {
      const levels = bins.map((bin) => level(bin, channel));
      return Math.max(...levels) - Math.min(...levels);
    });
    const channel = widths.indexOf(Math.max(...widths));
    const pixels = bins.reduce((sum, bin) => sum + sums.get(bin)[3], 0);
    return { bins, channel, pixels, gain: pixels * widths[channel] ** 2 };
  };

  const cuts = [cutOf([...sums.keys()])];
  while (cuts.length < MOST) {
    const best = cuts.reduce((best, cut) => (cut.gain > best.gain ? cut : best));
    if (best.gain === 0) break;
    const { bins, channel, pixels } = best;
    bins.sort((a, b) => level(a, channel) - level(b, channel));
    let [middle, below] = [0, 0];
    while (2 * below <= pixels) below += sums.get(bins[middle++])[3];
    // Where levels change, with something on either side.
    const changes = (ix) => level(bins[ix], channel) !== level(bins[ix - 1], channel);
    let at = Math.min(middle, bins.length - 1);
    while (at > 1 && !changes(at)) at -= 1;
    while (!changes(at)) at += 1;
    cuts.splice(cuts.indexOf(best), 1, cutOf(bins.slice(0, at)), cutOf(bins.slice(at)));
  }

  const palette = new Uint8Array(3 * MOST);
  const indexOf = new Uint8Array(1 << 15);
  cuts.forEach(({ bins, pixels }, index) => {
    for (const bin of bins) indexOf[bin] = index;
    for (let channel = 0; channel < 3; channel += 1) {
      palette[3 * index + channel] = Math.round(bins.reduce((sum, bin) => sum + sums.get(bin)[channel], 0) / pixels);
    }
  });
  return { indices: Uint8Array.from({ length: rgba.length / 4 }, (_, ix) => indexOf[binOf(4 * ix)]), palette };
}
