/** Between values, [C, H, W] from −1 to 1, and canvases. */

/**
 * Paints one picture so that a value is a pixel; the style sheet enlarges it.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} values [C, H, W]
 * @param {{width: number, height: number, channels: number}} shape
 * @param {{gain?: number, column?: number, columns?: number}} place the picture's place in a strip, and a factor of its values
 */
export function paint(canvas, values, { width, height, channels }, { gain = 1, column = 0, columns = 1 } = {}) {
  if (canvas.width !== width * columns || canvas.height !== height) {
    canvas.width = width * columns;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  const plane = width * height;
  for (let pixel = 0; pixel < plane; pixel += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      const value = values[(channels === 3 ? colour : 0) * plane + pixel];
      image.data[4 * pixel + colour] = (value * gain + 1) * 127.5;
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, column * width, 0);
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
