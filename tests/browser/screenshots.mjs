/**
 * Screenshots of the page in `dist/`, to be looked at: `node screenshots.mjs OUT [QUERY] [STEPS] [PATH]` writes
 * `OUT/WIDTH-SCHEME.png` at 360, 768 and 1280 px, light and dark, once its first element has done `STEPS` steps (default: all).
 * PATH is another page than `dist/`'s own, such as `/pages/blog.html`, a post with two elements. Of the page's chapters each is run.
 *
 * In Firefox, because headless Chromium does not present a WebGPU canvas.
 */

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { testServer } from "./fixtures.mjs";

const SIZES = [
  { width: 360, height: 740, deviceScaleFactor: 2 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];

const CHAPTERS = ["forward", "denoise", "anatomy", "samplers", "between", "training", "own"];
/** What a chapter's button says when it has nothing left to do. */
const AT_REST = /again|^From here|^Interpolate/;

/** Brings a chapter into sight, presses its button, and waits until it is done. */
async function run(page, id) {
  await page.evaluate((id) => document.getElementById(id).scrollIntoView({ behavior: "instant" }), id);
  await page.until(`chapter ${id}`, (id) => "connected" in document.getElementById(id).dataset, id);
  const rests = ({ id, atRest }) => {
    const chapter = document.getElementById(id);
    const [button, futures] = [chapter.querySelector(".go"), chapter.querySelector("ddpm-canvas")];
    return !button || (!button.disabled && RegExp(atRest).test(button.textContent) && (!futures || futures.state === "complete"));
  };
  await page.evaluate((id) => document.getElementById(id).querySelector(".go")?.click(), id);
  await page.until(`chapter ${id} to end`, rests, { id, atRest: AT_REST.source }, 600);
}

const [out = "screenshots", query = "seed=7&sampler=ddim&steps=50", steps, path = ""] = process.argv.slice(2);
const dist = resolve(process.env.DDPM_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url)));
mkdirSync(out, { recursive: true });
const server = await testServer(dist);

for (const [scheme, override] of [["light", 1], ["dark", 0]]) {
  const preferences = { "layout.css.prefers-color-scheme.content-override": override };
  const browser = await BROWSERS.firefox.launch({ webgpu: true, preferences });
  const page = await browser.open();
  await page.page.setViewport(SIZES.at(-1));
  await page.goto(`${new URL(path, server.address)}?${query}`);
  await page.evaluate(() => document.querySelector("ddpm-canvas").play());
  const reached = (wanted) => {
    const { state, progress } = document.querySelector("ddpm-canvas");
    return state === "complete" || state === "error" || (wanted !== null && progress.stepsDone >= wanted);
  };
  await page.until("the steps", reached, steps === undefined ? null : Number(steps), 600);
  if (steps !== undefined) await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
  for (const id of path === "" ? CHAPTERS : []) await run(page, id);
  await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
  for (const size of SIZES) {
    await page.page.setViewport(size);
    await new Promise((done) => setTimeout(done, 500));
    await page.page.screenshot({ path: `${out}/${size.width}-${scheme}.png`, fullPage: true });
    console.log(`${out}/${size.width}-${scheme}.png`);
  }
  await browser.close();
}
await server.close();
