/** The chain: shaders, playing, pausing, stepping, scrubbing, branching, views. */

import { check, equal, meanDifference, openPage, openPaused, progressOf, SHORT, untilState, valuesOf } from "./fixtures.mjs";
import { referenceChain } from "./models.mjs";
import { allShaders, compile } from "./shaders.mjs";

/** One seed, one picture, wherever it is computed: DESIGN's bound, pictures on [0, 1]. */
const TOLERANCE = 1e-4;
/** Nothing may hold the main thread longer, in milliseconds. */
const LONG_TASK = 50;

const press = (page, key) =>
  page.evaluate((name) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true })), key);
const click = (page, selector) => page.evaluate((name) => document.querySelector(name).click(), selector);
const inElement = (page, selector) =>
  page.evaluate((name) => document.querySelector("ddpm-canvas").shadowRoot.querySelector(name).click(), selector);

/** Drags the timeline's slider to `index` steps done. */
const scrub = (page, index) =>
  page.evaluate((value) => {
    const slider = document.querySelector("ddpm-canvas").shadowRoot.querySelector("input[type=range]");
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
    slider.dispatchEvent(new Event("change"));
  }, index);

export const cases = [
  {
    name: "every shader compiles",
    seconds: 600,
    // Of the wrong one.
    expects: /creating shader module|type of `x`/,
    async run(context) {
      const page = await openPage(context, SHORT);
      const broken = async (shaders) => (await page.evaluate(compile, shaders)).map(({ name, words }) => `${name}: ${words}`);
      const shaders = allShaders();
      check(shaders.length > 0, "there is no shader");
      equal(await broken(shaders), [], "shaders that this browser refuses");
      const wgsl = "@compute @workgroup_size(1) fn main() { let x: u32 = 0.5; }";
      equal((await broken([{ name: "wrong", wgsl, compute: ["main"] }])).length, 1, "shaders refused of one that is wrong");
      context.note(`${shaders.length} shaders`);
    },
  },
  {
    name: "plays to the end, to the picture that PyTorch makes",
    async run(context) {
      const page = await openPage(context, SHORT, "complete", 120);
      const progress = await progressOf(page);
      equal([progress.t, progress.stepsDone, progress.stepsTotal], [-1, 20, 20], "t, steps done, steps");
      const expected = referenceChain().ddim;
      const values = await valuesOf(page);
      const difference = meanDifference(values, expected);
      check(difference <= TOLERANCE, `mean |Δ| ${difference} against the fixture, at most ${TOLERANCE} allowed`);
      check(meanDifference(values, expected.map((value) => -value)) > TOLERANCE, "the comparison cannot fail");
      const number = await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector(".number").textContent);
      equal(number, "0", "the steps of noise on the page");
      context.note(`mean |Δ| ${difference.toExponential(1)}`);
    },
  },
  {
    name: "pauses, and plays on",
    async run(context) {
      const page = await openPage(context, { ...SHORT, sampler: "ddpm", steps: 1000 }, "playing");
      await page.until("two steps", () => document.querySelector("ddpm-canvas").progress.stepsDone >= 2);
      await inElement(page, ".play");
      await untilState(page, "paused");
      const before = (await progressOf(page)).stepsDone;
      await new Promise((resolve) => setTimeout(resolve, 700));
      equal((await progressOf(page)).stepsDone, before, "steps done while paused");
      await inElement(page, ".play");
      await page.until("more steps", (done) => document.querySelector("ddpm-canvas").progress.stepsDone > done, before);
    },
  },
  {
    name: "makes single steps, by button and by key",
    async run(context) {
      const page = await openPaused(context, SHORT);
      await inElement(page, ".restart");
      await page.until("the start", () => document.querySelector("ddpm-canvas").progress.stepsDone === 0);
      await untilState(page, "paused");
      equal((await progressOf(page)).t, 950, "t before the first of 20 steps");
      await inElement(page, ".step");
      await page.until("one step", () => document.querySelector("ddpm-canvas").progress.stepsDone === 1);
      equal((await progressOf(page)).t, 900, "t after one step");
      await press(page, ".");
      await page.until("two steps", () => document.querySelector("ddpm-canvas").progress.stepsDone === 2);
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").state), "paused", "state");
    },
  },
  {
    name: "scrubs over kept frames and plays on to the same picture; with a new seed, to another",
    async run(context) {
      const page = await openPage(context, { ...SHORT, eta: 1 }, "complete", 120);
      const end = await valuesOf(page);
      const { kept } = await progressOf(page);
      check(kept.length >= 3, `only ${kept.length} frames were kept`);
      const middle = kept[Math.floor(kept.length / 2)];
      await scrub(page, middle);
      await page.until("the kept frame", (index) => document.querySelector("ddpm-canvas").progress.stepsDone === index, middle);
      await untilState(page, "paused|playing");
      check(meanDifference(await valuesOf(page), end) > TOLERANCE, "the kept frame shows the end");
      await page.evaluate(() => document.querySelector("ddpm-canvas").play());
      await untilState(page, "complete", 120);
      equal(await valuesOf(page), end, "the picture after playing on from a kept frame");

      await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
      await page.evaluate((t) => document.querySelector("ddpm-canvas").seek(t), 50 * (20 - 1 - middle));
      equal((await progressOf(page)).stepsDone, middle, "steps done after seek(t)");
      await click(page, "#branch");
      await untilState(page, "complete", 120);
      check(meanDifference(await valuesOf(page), end) > TOLERANCE, "another seed came to the same picture");
      check(await page.evaluate(() => document.querySelector("#branched").hidden === false), "the page does not say that it branched");
    },
  },
  {
    name: "moves along the kept frames with the arrow keys",
    async run(context) {
      const page = await openPage(context, SHORT, "complete", 120);
      const { kept } = await progressOf(page);
      await press(page, "ArrowLeft");
      const expected = kept.findLast((index) => index < 20);
      await page.until("the frame before", (index) => document.querySelector("ddpm-canvas").progress.stepsDone === index, expected);
      await press(page, "ArrowRight");
      await page.until("the end", () => document.querySelector("ddpm-canvas").progress.stepsDone === 20);
    },
  },
  {
    name: "shows x_t, the predicted x_0 and the predicted noise",
    async run(context) {
      const page = await openPage(context, SHORT, "complete", 120);
      await scrub(page, 10);
      await untilState(page, "paused|playing");
      await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
      await page.evaluate(() => document.querySelector("ddpm-canvas").step());
      const before = await valuesOf(page);
      const pictures = {};
      for (const view of ["x_t", "pred_x_start", "pred_noise", "x_t"]) {
        await page.evaluate((name) => document.querySelector(`input[name=view][value=${name}]`).click(), view);
        await page.until("the view", (name) => document.querySelector("ddpm-canvas").view === name, view);
        const picture = await page.evaluate(async () => {
          const blob = await document.querySelector("ddpm-canvas").toBlob();
          return Array.from(new Uint8Array(await blob.arrayBuffer()));
        });
        if (pictures[view]) equal(picture, pictures[view], "x_t after looking at the others");
        pictures[view] = picture;
      }
      const different = new Set(Object.values(pictures).map((picture) => picture.join())).size;
      equal(different, 3, "different pictures of three views");
      equal(await valuesOf(page), before, "x_t after looking at other views");
    },
  },
  {
    name: "holds no long task while it plays",
    async run(context) {
      const page = await openPage(context, { ...SHORT, sampler: "ddpm", steps: 1000 }, "playing");
      await page.until("two steps", () => document.querySelector("ddpm-canvas").progress.stepsDone >= 2);
      const { gaps, tasks, supported } = await page.evaluate(async () => {
        const supported = PerformanceObserver.supportedEntryTypes.includes("longtask");
        const tasks = [];
        const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
        if (supported) observer.observe({ entryTypes: ["longtask"] });
        const gaps = [];
        let last = performance.now();
        const end = last + 8000;
        while (last < end) {
          await new Promise(requestAnimationFrame);
          const now = performance.now();
          gaps.push(now - last);
          last = now;
        }
        observer.disconnect();
        return { gaps, tasks, supported };
      });
      const sorted = gaps.sort((a, b) => a - b);
      context.note(`frames every ${sorted[sorted.length >> 1].toFixed(0)} ms, longest ${sorted.at(-1).toFixed(0)} ms`);
      const long = tasks.filter((duration) => duration > LONG_TASK);
      if (supported) equal(long, [], `tasks over ${LONG_TASK} ms`);
    },
  },
];
