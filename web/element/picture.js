/** PNG from pixels. */

/** Longest side of a saved picture, in pixels: small grids are enlarged by a whole factor, so that no pixel is blurred. */
const LONGEST_SIDE = 1024;

/**
 * @param {Uint8Array} rgba row-major, width × height
 * @param {number} width
 * @param {number} height
 * @returns {Promise<Blob>} image/png
 */
export function pngBlob(rgba, width, height) {
  const pixels = document.createElement("canvas");
  pixels.width = width;
  pixels.height = height;
  const data = new ImageData(new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length), width, height);
  pixels.getContext("2d").putImageData(data, 0, 0);

  const scale = Math.max(1, Math.floor(LONGEST_SIDE / Math.max(width, height)));
  const enlarged = document.createElement("canvas");
  enlarged.width = width * scale;
  enlarged.height = height * scale;
  const context = enlarged.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels, 0, 0, enlarged.width, enlarged.height);
  return new Promise((resolve, reject) => {
    enlarged.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG"))), "image/png");
  });
}
