/** What goes wrong, and what people then read. */

import { check, damagedAddress, equal, openPage, SHORT, untilState } from "./fixtures.mjs";
import { damaged, referenceF32 } from "./models.mjs";

/** The error on the page: `{type, message, words}`, `words` being what is visible of it. */
const errorOn = (page) =>
  page.evaluate(() => {
    const element = document.querySelector("ddpm-canvas");
    const box = element.shadowRoot.querySelector(".error");
    return { ...element.error, words: box.checkVisibility() ? box.innerText : "" };
  });

/** A case that opens the page with model `model` and reads an error of type "load". */
const loadFault = (name, model, message, expects) => ({
  name,
  expects,
  async run(context) {
    const page = await openPage(context, { ...SHORT, model }, "error");
    const error = await errorOn(page);
    equal(error.type, "load", "the error's type");
    check(message.test(error.words), `the page says: ${JSON.stringify(error.words)}`);
    context.note(error.message);
    await page.evaluate((good) => ((document.querySelector("ddpm-canvas").model = good), document.querySelector("ddpm-canvas").play()), SHORT.model);
    await untilState(page, "complete", 120);
    equal(await errorOn(page), { words: "" }, "the error after a good model");
  },
});

export const cases = [
  loadFault("says so where the model's address is wrong, and takes another", "models/absent.safetensors", /absent\.safetensors.*404/, /404/),
  loadFault("says so where the file is cut short", "/models/cut-short.safetensors", /could not be loaded/),
  loadFault("says so where the file is cut in its header", "/models/cut-in-the-header.safetensors", /could not be loaded/),
  loadFault("says so where the file is something else", "/models/a-page.safetensors", /could not be loaded/),
  loadFault("says so where the download breaks off", "/models/broken-off.safetensors", /broke off/, /ERR_|Failed to load/),
  {
    name: "names what is wrong in damaged files",
    async run(context) {
      const page = await openPage(context, SHORT, "playing|complete");
      const files = damaged(referenceF32());
      for (const [index, { name, words }] of files.entries()) {
        await page.evaluate((address) => (document.querySelector("ddpm-canvas").model = address), damagedAddress(index));
        await page.until(`an error about ${name}`, (file) => {
          const { state, model } = document.querySelector("ddpm-canvas");
          return state === "error" && model === file;
        }, damagedAddress(index));
        const { type, message } = await errorOn(page);
        equal(type, "load", `the error's type with ${name}`);
        check(words.test(message), `the error with ${name}: ${message}`);
        // A good one between two bad ones, so that no error is taken for the next.
        await page.evaluate((good) => (document.querySelector("ddpm-canvas").model = good), SHORT.model);
        await untilState(page, "playing|paused|complete");
      }
      context.note(`${files.length} files`);
    },
  },
  {
    name: "says so where there is no WebGPU, and shows a recorded film",
    async run(context) {
      const page = await context.open({ webgpu: false });
      await page.goto(`${context.address}?${new URLSearchParams(SHORT)}`);
      await untilState(page, "error");
      const error = await errorOn(page);
      equal(error.type, "no-webgpu", "the error's type");
      check(/WebGPU/.test(error.words) && /about:config|chrome:\/\/flags/.test(error.words), `the page says: ${JSON.stringify(error.words)}`);
      await page.until("the film", () => {
        const film = document.querySelector("ddpm-canvas").shadowRoot.querySelector(".film");
        return film.checkVisibility() && film.naturalWidth > 0;
      });
      const label = await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector(".recorded").innerText);
      check(/recorded/i.test(label), `the film's label is ${JSON.stringify(label)}`);
      context.note(error.message);
    },
  },
  {
    name: "a panic reaches the console with its message, and the page as a sentence",
    expects: /panicked|unreachable|RuntimeError/,
    async run(context) {
      const page = await openPage(context, SHORT, "playing|complete|paused");
      await page.evaluate(async () => {
        const module = await import(new URL("ddpm.js", document.baseURI));
        setTimeout(() => module.provoke_panic());
      });
      await untilState(page, "error");
      const error = await errorOn(page);
      equal(error.type, "panic", "the error's type");
      check(/mistake in the program/.test(error.words), `the page says: ${JSON.stringify(error.words)}`);
      await page.until("the console's line", () => true);
      check(page.problems.some((problem) => /panicked at/.test(problem)), `the console says: ${page.problems.join(" | ")}`);
    },
  },
];
