/**
 * What of `dist/` a visitor's browser fetches, gzipped file by file, in bytes: `node sizes.mjs DIST METAFILE`, the latter
 * esbuild's, prints "open BYTES LIMIT" and "later BYTES LIMIT".
 *
 * `open` is all wasm and JavaScript that it takes to open the page and play its chain; `later` what is fetched when something
 * more is wanted: chapters, saving, folders.
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const LIMITS = { open: 150_000, later: 40_000 };
/** What is fetched though no import says so: the program. */
const PROGRAM = ["ddpm.js", "ddpm_bg.wasm"];
/** Imported later than the page, but always: the chain plays by itself. */
const PLAYING = "element/lazy.js";
/** Entry points that the page itself never fetches. */
const OTHERS = ["embed.js", "ddpm-canvas.js"];

/** Of a file in `dist`, by `gzip -9`, which makes less of it than some browsers' and servers' own zlib. */
export function gzipped(dist, name) {
  return execFileSync("gzip", ["-9", "-c", join(dist, name)]).length;
}

/** Names of files: `{open, later}`. */
function parts({ outputs }) {
  const outputOf = (source) => Object.keys(outputs).find((path) => outputs[path].entryPoint?.endsWith(source));
  const open = new Set();
  const visit = (path) => {
    if (!(path in outputs) || open.has(path)) return;
    open.add(path);
    for (const { path: next, kind } of outputs[path].imports) if (kind === "import-statement") visit(next);
  };
  visit(outputOf("page.js"));
  visit(outputOf(PLAYING));
  const names = Array.from(open, (path) => basename(path));
  const rest = Object.keys(outputs).map((path) => basename(path));
  return { open: [...names, ...PROGRAM], later: rest.filter((name) => !names.includes(name) && !OTHERS.includes(name)) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dist, metafile] = process.argv.slice(2);
  for (const [when, names] of Object.entries(parts(JSON.parse(readFileSync(metafile, "utf8"))))) {
    console.log(when, names.reduce((sum, name) => sum + gzipped(dist, name), 0), LIMITS[when]);
  }
}
