/** Between values, [C, H, W] from −1 to 1, and pixels. */

/** ε̂ and x_t are about normal: a third of their range is shown as black to white. */
export const NOISE_GAIN = 1 / 3;

/** One picture's RGBA pixels; a value times `gain` is from −1, black, to 1. Three channels are colours, of others the first is grey. */
export function pixelsOf(values, { width, height, channels }, gain = 1) {
  const plane = width * height;
  const pixels = new Uint8ClampedArray(4 * plane);
  for (let pixel = 0; pixel < plane; pixel += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      pixels[4 * pixel + colour] = (values[(channels === 3 ? colour : 0) * plane + pixel] * gain + 1) * 127.5;
    }
    pixels[4 * pixel + 3] = 255;
  }
  return pixels;
}

/**
 * Paints one picture so that a value is a pixel; the style sheet enlarges it.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} values [C, H, W]
 * @param {{width: number, height: number, channels: number}} shape
 * @param {{gain?: number, column?: number, columns?: number}} place the picture's place in a strip, and a factor of its values
 */
export function paint(canvas, values, shape, { gain = 1, column = 0, columns = 1 } = {}) {
  const { width, height } = shape;
  if (canvas.width !== width * columns || canvas.height !== height) {
    canvas.width = width * columns;
    canvas.height = height;
  }
  canvas.getContext("2d").putImageData(new ImageData(pixelsOf(values, shape, gain), width, height), column * width, 0);
}

/** A canvas, a whole multiple larger, as values: each the mean of its square. */
export function valuesOf(canvas, { width, height, channels }) {
  const { data } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
  const [zoom, plane] = [canvas.width / width, width * height];
  const sums = new Float32Array(3 * plane);
  for (let y = 0; y < canvas.height; y += 1) {
    for (let x = 0; x < canvas.width; x += 1) {
      const [from, to] = [4 * (y * canvas.width + x), Math.floor(y / zoom) * width + Math.floor(x / zoom)];
      for (let colour = 0; colour < 3; colour += 1) sums[colour * plane + to] += data[from + colour];
    }
  }
  const values = sums.map((sum) => sum / (zoom * zoom) / 127.5 - 1);
  if (channels === 3) return values;
  const grey = (pixel) => 0.299 * values[pixel] + 0.587 * values[plane + pixel] + 0.114 * values[2 * plane + pixel];
  return Float32Array.from({ length: plane * channels }, (_, ix) => grey(ix % plane));
}

/** One of N pictures, [N, C, H, W]. */
export function pictureOf(values, index, { width, height, channels }) {
  const elements = channels * height * width;
  return values.subarray(index * elements, (index + 1) * elements);
}

/** A canvas with a grid of N pictures, [N, C, H, W] of `view`, as square as it can be, each value a square of `zoom` pixels. */
export function gridOf({ values, view }, shape, zoom) {
  const gain = view === "pred_noise" ? NOISE_GAIN : 1;
  const { width, height, channels } = shape;
  const count = values.length / (channels * height * width);
  const columns = Math.ceil(Math.sqrt(count));
  const [canvas, small] = [document.createElement("canvas"), document.createElement("canvas")];
  canvas.width = columns * width * zoom;
  canvas.height = Math.ceil(count / columns) * height * zoom;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (let ix = 0; ix < count; ix += 1) {
    paint(small, pictureOf(values, ix, shape), shape, { gain });
    const [left, top] = [(ix % columns) * width * zoom, Math.floor(ix / columns) * height * zoom];
    context.drawImage(small, left, top, width * zoom, height * zoom);
  }
  return canvas;
}
