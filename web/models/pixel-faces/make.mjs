/**
 * Makes the pixel faces, 16 x 16, in colour, from the drawings of DiceBear's Pixel Art (CC0 1.0):
 *
 *     npm ci --prefix web/models/pixel-faces
 *     node web/models/pixel-faces/make.mjs --out data/pixel-faces
 *
 * `--out FOLDER` writes a picture a file, `train/CLASS/0.png` ... and `test/CLASS/0.png` ..., for `ddpm train --dataset
 * folder:FOLDER --classes`; `--train` and `--held-out` are how many. `--sheet FOLDER` writes `faces.png`, as many of the first
 * of them as fit in `--sheet-bytes`, and `faces.json`, which says what is where. A picture's number is its seed's: the same
 * pictures come out every time.
 *
 * What varies: background (5 colours), skin (8), eyes (12 kinds, 6 colours), mouth (23, 4), clothing (23, 12), hair (45, 11), jewellery
 * in one of ten (4, 5); where it is the class, glasses (14, 6), hat (10, 7) or beard (8, in the hair's colour: the drawings show one
 * of dark hair faintly, and one in three is hard to see).
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crc32, deflateSync } from "node:zlib";
import { createAvatar } from "@dicebear/core";
import * as pixelArt from "@dicebear/pixel-art";
import { Resvg } from "@resvg/resvg-js";

const SIZE = 16;
const BACKGROUNDS = ["b6e3f4", "c0aede", "d1d4f9", "ffd5dc", "ffdfbf"];
const HAIR = pixelArt.schema.properties.hair.default;
const NOTHING = { glassesProbability: 0, hatProbability: 0, beardProbability: 0 };
/** In the order that `ddpm` gives the sub-folders of a data set. */
const CLASSES = {
  beard: { beardProbability: 100 },
  glasses: { glassesProbability: 100 },
  hat: { hatProbability: 100 },
  "long hair": { hair: HAIR.filter((name) => name.startsWith("long")) },
  "short hair": { hair: HAIR.filter((name) => name.startsWith("short")) },
};
const NAMES = Object.keys(CLASSES);
/** So wide that every row holds equally many of each class, before they are sorted. */
const COLUMNS = 80;
const HELD_OUT_ROWS = 5;

/** The face of the seed `kind`-`number`: its label, which goes round the classes, and its pixels, RGB `[16, 16, 3]`. */
function face(kind, number) {
  const label = number % NAMES.length;
  const options = { seed: `${kind}-${number}`, backgroundColor: BACKGROUNDS, ...NOTHING, ...CLASSES[NAMES[label]] };
  const avatar = createAvatar(pixelArt, options);
  const { pixels } = new Resvg(avatar.toString(), {
    fitTo: { mode: "width", value: SIZE },
    font: { loadSystemFonts: false },
  }).render();
  const { skinColor, primaryBackgroundColor, hair } = avatar.toJson().extra;
  return {
    label,
    number,
    pixels: pixels.filter((_, ix) => ix % 4 < 3),
    likeness: [skinColor, primaryBackgroundColor, hair].join(),
  };
}

/** A PNG of 8-bit RGB. No filter: drawings of few colours are smaller without. */
function png(width, height, pixels) {
  const chunk = (type, data) => {
    const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type), data, Buffer.alloc(4)]);
    bytes.writeUInt32BE(data.length, 0);
    bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * 3 * width, (y + 1) * 3 * width), y * (1 + 3 * width) + 1);
  }
  const data = deflateSync(rows, { level: 9, memLevel: 9 });
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

function writeFolder(folder, train, heldOut) {
  for (const [part, faces] of [["train", train], ["test", heldOut]]) {
    for (const name of NAMES) mkdirSync(join(folder, part, name), { recursive: true });
    for (const { label, number, pixels } of faces) {
      writeFileSync(join(folder, part, NAMES[label], `${number}.png`), png(SIZE, SIZE, pixels));
    }
  }
}

/** Those alike beside each other, which makes the sheet smaller by a third. */
function sorted(faces) {
  return faces.toSorted((a, b) => (a.likeness < b.likeness ? -1 : Number(a.likeness > b.likeness)));
}

function sheet(faces) {
  const [width, height] = [COLUMNS * SIZE, Math.ceil(faces.length / COLUMNS) * SIZE];
  const pixels = Buffer.alloc(width * height * 3);
  faces.forEach((face, ix) => {
    const [left, top] = [(ix % COLUMNS) * SIZE, Math.floor(ix / COLUMNS) * SIZE];
    for (let y = 0; y < SIZE; y++) {
      pixels.set(face.pixels.subarray(y * 3 * SIZE, (y + 1) * 3 * SIZE), ((top + y) * width + left) * 3);
    }
  });
  return png(width, height, pixels);
}

/** As many rows of faces as fit in `limit` bytes, each part sorted, those held out the last: who trains on them shuffles. */
function writeSheet(folder, train, heldOut, limit) {
  const last = sorted(heldOut.slice(0, HELD_OUT_ROWS * COLUMNS));
  const ofRows = (rows) => [...sorted(train.slice(0, rows * COLUMNS)), ...last];
  let [fits, tooMany] = [0, Math.floor(train.length / COLUMNS) + 1];
  while (tooMany - fits > 1) {
    const rows = Math.floor((fits + tooMany) / 2);
    if (sheet(ofRows(rows)).length <= limit) fits = rows;
    else tooMany = rows;
  }
  const faces = ofRows(fits);
  const layout = {
    size: [SIZE, SIZE],
    columns: COLUMNS,
    count: faces.length,
    held_out: last.length,
    class_names: NAMES,
    labels: faces.map(({ label }) => label).join(""),
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "faces.png"), sheet(faces));
  writeFileSync(join(folder, "faces.json"), `${JSON.stringify(layout)}\n`);
}

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    sheet: { type: "string" },
    train: { type: "string", default: "40000" },
    "held-out": { type: "string", default: "2000" },
    "sheet-bytes": { type: "string", default: "700000" },
  },
});
if (!values.out && !values.sheet) throw new Error("expected --out FOLDER, --sheet FOLDER or both, found neither");
if (values.out && existsSync(values.out)) throw new Error(`${values.out}: expected no such folder yet, for the pictures`);
const [train, heldOut] = [["face", values.train], ["held-out", values["held-out"]]].map(([kind, count]) => {
  if (!/^\d+$/.test(count) || count % NAMES.length !== 0) {
    throw new Error(`expected a number of pictures that ${NAMES.length} divides, for equally many of each class, found ${count}`);
  }
  return Array.from({ length: Number(count) }, (_, number) => face(kind, number));
});
if (values.out) writeFolder(values.out, train, heldOut);
if (values.sheet) writeSheet(values.sheet, train, heldOut, Number(values["sheet-bytes"]));
