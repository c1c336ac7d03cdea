/** The kept frames of a chain as an animated GIF. */

import { Gif } from "./gif.js";
import { colours } from "./palette.js";
import { gridOf } from "./raster.js";

/** How long a frame is shown, and the last one, in hundredths of a second. */
const FRAME = 6;
const LAST_FRAME = 200;
/** Pixels a side for each value. */
const ZOOM = 4;

const GREYS = Uint8Array.from({ length: 3 * 256 }, (_, ix) => ix / 3);

/**
 * @param {import("./session.js").Session} session
 * @returns {Promise<Blob>} image/gif. Grey pictures are exact; each frame of others has 256 colours of its own.
 */
export async function filmOf(session) {
  const grey = session.info.channels !== 3;
  let gif;
  await session.eachFrame(({ last, ...frame }) => {
    const canvas = gridOf(frame, session.info, ZOOM);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    gif ??= new Gif(canvas.width, canvas.height, grey ? GREYS : null);
    const { indices, palette } = grey ? { indices: data.filter((_, ix) => ix % 4 === 0), palette: null } : colours(data);
    gif.add(indices, palette, last ? LAST_FRAME : FRAME);
  });
  return gif.blob();
}
