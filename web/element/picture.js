/** PNG of pictures. */

import { gridOf } from "./raster.js";

/** Longest side of a saved picture, in pixels: small grids are enlarged by a whole factor, so that no pixel is blurred. */
const LONGEST_SIDE = 1024;

/**
 * @param {{values: Float32Array, view: string}} shown [N, C, H, W]
 * @param {{width: number, height: number, channels: number}} shape
 * @returns {Promise<Blob>} image/png
 */
export function pngBlob(shown, shape) {
  const plain = gridOf(shown, shape, 1);
  const zoom = Math.max(1, Math.floor(LONGEST_SIDE / Math.max(plain.width, plain.height)));
  return new Promise((resolve, reject) => {
    gridOf(shown, shape, zoom).toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG"))), "image/png");
  });
}
