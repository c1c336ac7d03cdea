/** axe-core finds nothing, keys reach everything, and nothing moves for those who do not want it. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { SUB_PATH, check, equal, progressOf, SHORT, untilState } from "./fixtures.mjs";
import { openPost } from "./element.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Makes it ready in a page. */
export const withAxe = (page) => page.evaluate(AXE);

/** What axe-core complains of, of the whole page with its shadow trees. */
export const violations = (page) =>
  page.evaluate(async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });

export const cases = [
  {
    name: "axe-core finds nothing: idle, playing, complete, in error",
    async run(context) {
      const page = await openPost(context, "blog");
      await withAxe(page);
      equal(await violations(page), [], "violations of a post before anything is loaded");
      await page.evaluate((settings) => Object.assign(document.querySelector("ddpm-canvas"), settings).play(), { ...SHORT, sampler: "ddpm", steps: 1000 });
      await untilState(page, "playing");
      equal(await violations(page), [], "violations while it plays");
      await page.evaluate((settings) => Object.assign(document.querySelector("ddpm-canvas"), settings), SHORT);
      await untilState(page, "complete", 120);
      equal(await violations(page), [], "violations when it is complete");
      await page.evaluate(() => (document.querySelector("ddpm-canvas").model = "/models/a-page.safetensors"));
      await untilState(page, "error");
      equal(await violations(page), [], "violations in error");
      // The check can fail.
      await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector(".error button").replaceChildren());
      check((await violations(page)).some((violation) => violation.startsWith("button-name")), "a button without a name is no violation");
    },
  },
  {
    name: "says what happens, but seldom",
    async run(context) {
      const page = await openPost(context, "bare");
      const said = await page.evaluate(async (settings) => {
        const element = Object.assign(document.createElement("ddpm-canvas"), settings, { autoplay: true, loop: true });
        document.querySelector("main").append(element);
        const said = [];
        new MutationObserver(() => said.push(element.shadowRoot.querySelector(".live").textContent)).observe(
          element.shadowRoot.querySelector(".live"),
          { childList: true, characterData: true, subtree: true },
        );
        const completed = () => new Promise((resolve) => element.addEventListener("complete", resolve, { once: true }));
        await completed();
        await completed();
        return said;
      }, { ...SHORT, steps: 4 });
      equal(said, ["The model is loaded.", "The pictures are complete."], "said in two rounds");
    },
  },
  {
    name: "moves nothing by itself where motion is unwelcome, and the keys reach everything",
    async run(context) {
      const still = `
        const real = matchMedia;
        window.matchMedia = (query) => (query.includes("reduced-motion") ? { matches: true, addEventListener() {} } : real(query));`;
      const page = await openPost(context, "bare", still);
      await page.evaluate((settings) => {
        const element = Object.assign(document.createElement("ddpm-canvas"), settings, { autoplay: true, controls: true });
        document.querySelector("main").append(element);
      }, SHORT);
      await untilState(page, "paused");
      await new Promise((resolve) => setTimeout(resolve, 300));
      equal((await progressOf(page)).stepsDone, 0, "steps done");
      const { keyboard } = page.page;
      const focused = () => page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.activeElement?.ariaLabel);
      const order = [];
      for (let tab = 0; tab < 4; tab += 1) {
        await keyboard.press("Tab");
        order.push(await focused());
      }
      equal(order, ["Start over", "One step", "Play", "Timeline"], "the order of the tab key");
      await keyboard.press(".");
      await page.until("a step", () => document.querySelector("ddpm-canvas").progress.stepsDone === 1);
      await keyboard.press("k");
      await untilState(page, "complete", 120);
      await keyboard.press("Home");
      await page.until("the beginning", () => document.querySelector("ddpm-canvas").progress.stepsDone === 0);
      await keyboard.press("End");
      await page.until("the end", () => document.querySelector("ddpm-canvas").progress.stepsDone === 20);
      const words = await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector("input").getAttribute("aria-valuetext"));
      equal(words, "0 steps of noise", "what the timeline says");
    },
  },
  {
    name: "shows a recorded film without WebGPU, when asked to where motion is unwelcome, and moves nothing",
    async run(context) {
      const page = await context.open({ webgpu: false });
      await page.prepare(`
        const real = matchMedia;
        window.matchMedia = (query) => (query.includes("reduced-motion") ? { matches: true, addEventListener() {} } : real(query));`);
      await page.goto(new URL("/pages/bare.html", context.address).href);
      await page.evaluate(
        ({ settings, root }) => {
          const element = Object.assign(document.createElement("ddpm-canvas"), settings, { controls: true, recording: `${root}models/recorded.gif`, poster: "/pages/poster.svg" });
          document.querySelector("main").append(element);
          window.height = element.getBoundingClientRect().height;
        },
        { settings: SHORT, root: SUB_PATH },
      );
      await untilState(page, "error");
      const shown = () =>
        page.evaluate(() => {
          const element = document.querySelector("ddpm-canvas");
          const part = (name) => element.shadowRoot.querySelector(name);
          return [part(".film").checkVisibility(), part(".recorded").innerText, element.getBoundingClientRect().height === window.height];
        });
      equal((await shown())[0], false, "whether the film plays unasked");
      await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector(".recorded button").click());
      const [film, label, sameHeight] = await shown();
      check(film && /recorded/i.test(label), `film ${film}, label ${label}`);
      check(sameHeight, "its height changed");
    },
  },
];
