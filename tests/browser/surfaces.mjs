/** What is around the chain: the address, the form, models, labels, downloads, motion. */

import { check, equal, meanDifference, openPage, openPaused, progressOf, SHORT, untilState, valuesOf } from "./fixtures.mjs";

const query = (page) => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.search)));

const choose = (page, name, value) =>
  page.evaluate(
    (wanted) => {
      const control = document.querySelector(`#settings [name=${wanted.name}]`);
      control.value = wanted.value;
      control.dispatchEvent(new Event("change", { bubbles: true }));
    },
    { name, value },
  );

/** Presses a button that saves a file and returns `{name, type, bytes}` of what would have been saved. */
const saved = (page, selector) =>
  page.evaluate(async (button) => {
    const anchor = new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = function click() {
        resolve(this);
      };
    });
    document.querySelector(button).click();
    const { download, href } = await anchor;
    const blob = await (await fetch(href)).blob();
    return { name: download, type: blob.type, bytes: Array.from(new Uint8Array(await blob.arrayBuffer())) };
  }, selector);

export const cases = [
  {
    name: "plays what a visitor gets, from the models' menu",
    async run(context) {
      const page = await openPage(context, { count: 1, seed: 7, sampler: "ddim", steps: 20 }, "complete", 120);
      const packed = await valuesOf(page);
      const model = await page.evaluate(() => document.querySelector("#model").selectedOptions[0].textContent);
      check(model.length > 0, "the menu shows no model");
      check((await page.evaluate(() => document.querySelector("#adapter").textContent)).length > 0, "no adapter is named");
      const exact = await openPage(context, SHORT, "complete", 120);
      const difference = meanDifference(packed, await valuesOf(exact));
      check(difference < 0.02, `f16 weights are ${difference} from f32 ones`);
      context.note(`f16 against f32: mean |Δ| ${difference.toExponential(1)}`);
    },
  },
  {
    name: "shows the first noise within a second of the model, and says that kernels are compiled",
    async run(context) {
      const page = await context.open();
      // Rust sizes the canvas when it draws x_T; the element's events do not bubble, but they can be captured.
      await page.prepare(`
        window.seen = { phases: [] };
        document.addEventListener("progress", ({ target, detail }) => target.localName === "ddpm-canvas" && seen.phases.push(detail.phase), true);
        document.addEventListener("load", ({ target }) => {
          if (target.localName !== "ddpm-canvas") return;
          seen.loaded = performance.now();
          const sized = new MutationObserver(() => (seen.noise ??= performance.now()));
          sized.observe(target.shadowRoot.querySelector(".frame > canvas"), { attributeFilter: ["width"] });
        }, true);
      `);
      await page.goto(`${context.address}?${new URLSearchParams(SHORT)}`);
      await untilState(page, "playing|complete");
      const { phases, loaded, noise } = await page.evaluate(() => window.seen);
      check(phases.includes("model") && phases.includes("kernels"), `the phases seen are ${[...new Set(phases)]}`);
      const delay = Math.round(noise - loaded);
      context.note(`noise ${delay} ms after the model`);
      check(delay <= 1000, `the first noise came ${delay} ms after the model`);
    },
  },
  {
    name: "restores everything from its address, and keeps it up to date",
    async run(context) {
      const settings = { ...SHORT, count: 2, seed: "18446744073709551615", steps: 10, eta: 0.5, view: "pred_x_start", speed: 3 };
      const first = await openPaused(context, settings);
      await first.evaluate(() => document.querySelector("ddpm-canvas").step());
      const shown = await first.evaluate(() => {
        const element = document.querySelector("ddpm-canvas");
        const { elements } = document.querySelector("#settings");
        const controls = ["count", "seed", "sampler", "steps", "eta", "view", "speed"].map((name) => elements[name].value);
        return { controls, total: element.progress.stepsTotal };
      });
      equal(shown.controls, ["2", settings.seed, "ddim", "10", "0.5", "pred_x_start", "3"], "the form");
      equal(shown.total, 10, "steps");
      await choose(first, "count", "1");
      await choose(first, "seed", "42");
      await first.until("the address to follow", () => /[?&]seed=42(&|$)/.test(location.search) && /[?&]count=1(&|$)/.test(location.search));
      const expected = { model: settings.model, count: "1", seed: "42", sampler: "ddim", steps: "10", eta: "0.5", view: "pred_x_start", speed: "3" };
      equal(await query(first), expected, "the address");
      await first.evaluate(() => (document.querySelector("ddpm-canvas").speed = 0));
      await untilState(first, "complete", 120);

      const second = await context.open();
      await second.goto(await first.evaluate(() => location.href));
      await untilState(second, "complete", 120);
      equal(await valuesOf(second), await valuesOf(first), "the same address, the same picture");
    },
  },
  {
    name: "starts another seed from the dice, and draws one where the address has none",
    async run(context) {
      const { seed: _, ...settings } = SHORT;
      const page = await openPaused(context, settings);
      await page.until("a seed in the address", () => /[?&]seed=\d+/.test(location.search));
      const before = (await query(page)).seed;
      await page.evaluate(() => document.querySelector("#dice").click());
      await page.until("another seed", (seed) => new URLSearchParams(location.search).get("seed") !== seed, before);
      await untilState(page, "complete", 120);
    },
  },
  {
    name: "offers the labels of a class-conditional model, with guidance",
    async run(context) {
      const model = "models/fashion-mnist-classes.safetensors";
      const page = await openPaused(context, { ...SHORT, model });
      const labels = await page.evaluate(() => Array.from(document.querySelector("#label").options, ({ text }) => text));
      equal([labels.length, labels[0], labels.at(-1)], [11, "Any", "Ankle boot"], "labels");
      check(await page.evaluate(() => document.querySelector("#guidance-field").hidden), "guidance is offered without a label");
      await choose(page, "label", "9");
      check(await page.evaluate(() => !document.querySelector("#guidance-field").hidden), "guidance is not offered");
      await page.evaluate(() => ((document.querySelector("ddpm-canvas").guidance = 2), document.querySelector("ddpm-canvas").play()));
      await untilState(page, "complete", 180);
      const guided = await valuesOf(page);
      const other = await openPage(context, { ...SHORT, model, label: 1, guidance: 2 }, "complete", 180);
      check(meanDifference(guided, await valuesOf(other)) > 0.01, "a boot and a pair of trousers look the same");
    },
  },
  {
    name: "plays a dropped file",
    async run(context) {
      const page = await openPage(context, { ...SHORT, model: "models/absent.safetensors" }, "error");
      await page.evaluate(async (address) => {
        const bytes = await (await fetch(address)).arrayBuffer();
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "mine.safetensors"));
        document.querySelector("ddpm-canvas").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      }, SHORT.model);
      await page.evaluate(() => document.querySelector("ddpm-canvas").play());
      await untilState(page, "complete", 120);
      equal(await page.evaluate(() => document.querySelector("#model").selectedOptions[0].text), "mine.safetensors", "the menu");
    },
    expects: /404/,
  },
  {
    name: "saves the picture as PNG and the film as GIF",
    async run(context) {
      const page = await openPage(context, { ...SHORT, count: 2 }, "complete", 180);
      const png = await saved(page, "#save-picture");
      equal([png.name, png.type, png.bytes.slice(0, 8)], ["ddpm-seed-7.png", "image/png", [137, 80, 78, 71, 13, 10, 26, 10]], "PNG");
      const header = Buffer.from(png.bytes);
      const [width, height] = [header.readUInt32BE(16), header.readUInt32BE(20)];
      equal([width % 56, height % 28, width / height], [0, 0, 2], "the PNG's size, a multiple of 56 × 28");
      const spread = await page.evaluate(async (bytes) => {
        const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
        context.drawImage(bitmap, 0, 0);
        return new Set(context.getImageData(0, 0, bitmap.width, bitmap.height).data).size;
      }, png.bytes);
      check(spread > 20, `the PNG has ${spread} different values`);

      const gif = await saved(page, "#save-film");
      equal([gif.name, gif.type], ["ddpm-seed-7.gif", "image/gif"], "GIF");
      const film = readGif(Buffer.from(gif.bytes));
      check(film.width % 56 === 0 && film.height % 28 === 0, `the GIF is ${film.width} × ${film.height}`);
      const { kept } = await progressOf(page);
      equal(film.frames, kept.length, "the GIF's frames, one for each kept one");
      const decodes = await page.evaluate(async (bytes) => {
        const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/gif" }));
        return bitmap.width;
      }, gif.bytes);
      equal(decodes, film.width, "the GIF's width as the browser decodes it");
    },
  },
  {
    name: "does not start by itself where motion is unwelcome",
    async run(context) {
      const page = await context.open();
      await page.prepare(`
        const real = matchMedia;
        window.matchMedia = (query) => (query.includes("reduced-motion") ? { matches: true, addEventListener() {} } : real(query));
      `);
      await page.goto(`${context.address}?${new URLSearchParams(SHORT)}`);
      await untilState(page, "paused");
      await new Promise((resolve) => setTimeout(resolve, 500));
      equal((await progressOf(page)).stepsDone, 0, "steps done");
    },
  },
  {
    name: "loads and steps a model of ddpm-cifar10-32's shape within default limits",
    only: "chromium",
    seconds: 300,
    async run(context) {
      const page = await openPaused(context, { ...SHORT, model: "/models/cifar.safetensors" });
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").info.parameters), 35746307, "parameters");
      await page.evaluate(() => document.querySelector("ddpm-canvas").step());
      const values = await valuesOf(page);
      equal(values.length, 3 * 32 * 32, "values");
      check(values.every(Number.isFinite), "not every value is finite");
    },
  },
];

/** Size and number of frames of a GIF, walking its blocks; throws where it is not one. */
function readGif(bytes) {
  equal(bytes.subarray(0, 6).toString("latin1"), "GIF89a", "the GIF's signature");
  const [width, height, flags] = [bytes.readUInt16LE(6), bytes.readUInt16LE(8), bytes[10]];
  let frames = 0;
  let at = 13 + table(flags);
  for (;;) {
    const block = bytes[at];
    if (block === 0x3b) break;
    if (block === 0x21) {
      at = blocks(bytes, at + 2);
    } else if (block === 0x2c) {
      frames += 1;
      at = blocks(bytes, at + 10 + table(bytes[at + 9]) + 1);
    } else {
      throw new Error(`the GIF has a block ${block} at ${at} of ${bytes.length}`);
    }
  }
  equal(at + 1, bytes.length, "the GIF's length");
  return { width, height, frames };
}

function table(flags) {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function blocks(bytes, start) {
  let at = start;
  while (bytes[at] !== 0) at += bytes[at] + 1;
  return at + 1;
}
