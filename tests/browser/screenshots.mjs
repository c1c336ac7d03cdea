/**
 * Screenshots of the page in `dist/`, to be looked at: `node screenshots.mjs OUT [QUERY] [STEPS] [PATH]` writes
 * `OUT/WIDTH-SCHEME.png` at 360, 768 and 1280 px, light and dark, once its first element has done `STEPS` steps (default: all).
 * PATH is another page than `dist/`'s own, such as `/pages/blog.html`, a post with two elements.
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

const [out = "screenshots", query = "seed=7&sampler=ddim&steps=50", steps, path = ""] = process.argv.slice(2);
const dist = resolve(process.env.DDPM_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url)));
mkdirSync(out, { recursive: true });
const server = await testServer(dist);

for (const [scheme, override] of [["light", 1], ["dark", 0]]) {
  const preferences = { "layout.css.prefers-color-scheme.content-override": override };
  const browser = await BROWSERS.firefox.launch({ webgpu: true, preferences });
  for (const size of SIZES) {
    const page = await browser.open();
    await page.page.setViewport(size);
    await page.goto(`${new URL(path, server.address)}?${query}`);
    await page.evaluate(() => document.querySelector("ddpm-canvas").play());
    const reached = (wanted) => {
      const { state, progress } = document.querySelector("ddpm-canvas");
      return state === "complete" || state === "error" || (wanted !== null && progress.stepsDone >= wanted);
    };
    await page.until("the steps", reached, steps === undefined ? null : Number(steps), 600);
    if (steps !== undefined) await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
    await new Promise((done) => setTimeout(done, 500));
    await page.page.screenshot({ path: `${out}/${size.width}-${scheme}.png`, fullPage: true });
    console.log(`${out}/${size.width}-${scheme}.png`);
    await page.close();
  }
  await browser.close();
}
await server.close();
