/** The element in pages of other people: its place, when it fetches, what it computes, its attributes, methods and events. */

import { readFileSync } from "node:fs";
import { SUB_PATH, check, equal, meanDifference, progressOf, untilState, valuesOf } from "./fixtures.mjs";
import { referenceChain } from "./models.mjs";

/** DESIGN's bound, pictures on [0, 1]. */
const TOLERANCE = 1e-4;

/** Before a page's own scripts: every device that is asked for, and where Chromium tells them, layout shifts. */
export const OBSERVE = `
  window.devices = [];
  const request = globalThis.GPUAdapter?.prototype.requestDevice;
  if (request) GPUAdapter.prototype.requestDevice = async function (...wishes) {
    const device = await request.apply(this, wishes);
    devices.push(device);
    return device;
  };
  window.shifts = 0;
  if (PerformanceObserver.supportedEntryTypes.includes("layout-shift")) {
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
      window.shifts += entry.value;
      (window.shifted ??= []).push(...entry.sources.map(({ node }) => node?.parentNode?.outerHTML?.slice(0, 150) ?? node?.nodeName));
    })).observe({ type: "layout-shift", buffered: true });
  }
`;

/** Opens a page of `pages.mjs`, observed. */
export async function openPost({ open, address }, name, script = "") {
  const page = await open();
  await page.prepare(OBSERVE + script);
  await page.goto(new URL(`/pages/${name}.html`, address).href);
  return page;
}

/** What of `requests` was for the element beyond its script: its later parts, the program, models. */
const heavy = (requests) => requests.filter((line) => /\.wasm|\.safetensors|ddpm\.js/.test(line));

/** The element's values are those of PyTorch's chain of 20 DDIM steps. */
export async function checkPicture(page, what) {
  const difference = meanDifference(await valuesOf(page), referenceChain().ddim);
  check(difference <= TOLERANCE, `${what}: mean |Δ| ${difference} against the fixture, at most ${TOLERANCE} allowed`);
}

export const cases = [
  {
    name: "keeps its place before its script runs, and moves nothing when it does",
    async run(context) {
      const page = await openPost(context, "places");
      const boxes = () =>
        page.evaluate(() =>
          Array.from(document.querySelectorAll("ddpm-canvas, p"), (element) => {
            const { top, height } = element.getBoundingClientRect();
            return [Math.round(top * 10) / 10, Math.round(height * 10) / 10];
          }),
        );
      const before = await boxes();
      check(before.every(([, height]) => height > 0), "something has no height");
      const shown = await page.evaluate(() => document.querySelector("[slot=poster]").getBoundingClientRect().height);
      check(shown > 100, `the poster is ${shown} px high without a script`);
      await page.evaluate(async (root) => {
        await import(`${root}ddpm-canvas.js`);
        await new Promise(requestAnimationFrame);
      }, SUB_PATH);
      equal(await boxes(), before, "places after the script ran");
      equal(await page.evaluate(() => [window.shifts, window.shifted ?? []]), [0, []], "layout shifts");
    },
  },
  {
    name: "fetches nothing until it is near, plays in sight, and rests out of it",
    async run(context) {
      const { requests } = context.server;
      const from = requests.length;
      const page = await openPost(context, "lazy");
      await page.until("the element", () => Boolean(customElements.get("ddpm-canvas")));
      await new Promise((resolve) => setTimeout(resolve, 500));
      equal(heavy(requests.slice(from)), [], "fetched while far away");
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").state), "idle", "state");
      await page.evaluate(() => document.querySelector("ddpm-canvas").scrollIntoView({ behavior: "instant" }));
      await untilState(page, "playing");
      await page.until("two steps", () => document.querySelector("ddpm-canvas").progress.stepsDone >= 2);
      const wasm = heavy(requests.slice(from)).filter((line) => line.includes(".wasm")).length;
      equal(wasm, 1, "times the program was fetched");

      await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { stepsDone } = await progressOf(page);
      await new Promise((resolve) => setTimeout(resolve, 600));
      equal((await progressOf(page)).stepsDone, stepsDone, "steps done out of sight");
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").state), "playing", "state out of sight");
      await page.evaluate(() => document.querySelector("ddpm-canvas").scrollIntoView({ behavior: "instant" }));
      await page.until("more steps in sight", (done) => document.querySelector("ddpm-canvas").progress.stepsDone > done, stepsDone);
      equal(await page.evaluate(() => [window.shifts, window.shifted ?? []]), [0, []], "layout shifts");
    },
  },
  {
    name: "computes nothing in a hidden tab",
    async run(context) {
      const page = await openPost(context, "lazy");
      await page.evaluate(() => document.querySelector("ddpm-canvas").scrollIntoView({ behavior: "instant" }));
      await page.until("two steps", () => document.querySelector("ddpm-canvas").progress.stepsDone >= 2);
      // Headless browsers hide no tab, so the page is told that it is.
      const hide = (hidden) => page.evaluate((value) => void Object.defineProperty(document, "hidden", { value, configurable: true }), hidden);
      await hide(true);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { stepsDone } = await progressOf(page);
      await new Promise((resolve) => setTimeout(resolve, 600));
      equal((await progressOf(page)).stepsDone, stepsDone, "steps done in a hidden tab");
      await hide(false);
      await page.until("more steps", (done) => document.querySelector("ddpm-canvas").progress.stepsDone > done, stepsDone);
    },
  },
  {
    name: "begins when asked to, with the keyboard as well, where loading is intent",
    async run(context) {
      const { requests } = context.server;
      const from = requests.length;
      const page = await openPost(context, "intent");
      await page.until("the poster", () => document.querySelector("ddpm-canvas").shadowRoot?.querySelector(".poster").naturalWidth > 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      equal(heavy(requests.slice(from)), [], "fetched before anybody asked");
      await page.page.keyboard.press("Tab");
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.activeElement?.ariaLabel), "Play", "focused");
      await page.page.keyboard.press("Enter");
      await untilState(page, "complete", 120);
      await checkPicture(page, "the picture");
      const facade = await page.evaluate(() => document.querySelector("ddpm-canvas").shadowRoot.querySelector(".facade").hidden);
      check(facade, "the poster hides the picture");
    },
  },
  {
    name: "ten on one page share one device, and its time",
    seconds: 300,
    async run(context) {
      const page = await openPost(context, "ten");
      const steps = () => page.evaluate(() => Array.from(document.querySelectorAll("ddpm-canvas"), (element) => element.progress.stepsDone));
      // All of them in sight.
      await page.evaluate(() => document.querySelectorAll("ddpm-canvas").forEach((element) => (element.style.width = "60px")));
      await page.until("all to play", () => Array.from(document.querySelectorAll("ddpm-canvas")).every(({ state }) => state === "playing" || state === "complete"), undefined, 120);
      // From the beginning, all at once.
      await page.evaluate(() => document.querySelectorAll("ddpm-canvas").forEach((element) => (element.pause(), element.restart())));
      await page.until("all to rest", () => Array.from(document.querySelectorAll("ddpm-canvas")).every(({ state, progress }) => state === "paused" && progress.stepsDone === 0), undefined, 60);
      await page.evaluate(() => document.querySelectorAll("ddpm-canvas").forEach((element) => element.play()));
      let now = [0];
      while (Math.max(...now) < 4) now = await steps();
      const [least, most] = [Math.min(...now), Math.max(...now)];
      await page.until("all to end", () => Array.from(document.querySelectorAll("ddpm-canvas")).every(({ state }) => state === "complete"), undefined, 200);
      equal(await page.evaluate(() => devices.length), 1, "devices");
      const pictures = await page.evaluate(() => Promise.all(Array.from(document.querySelectorAll("ddpm-canvas"), async (element) => (await element.values()).join())));
      equal(new Set(pictures).size, 1, "different pictures of one seed");
      context.note(`steps done when the first had ${most}: ${now}`);
      check(least >= most / 2 - 1, `the slowest had ${least} steps when the fastest had ${most}`);
      await page.evaluate(() => document.querySelectorAll("ddpm-canvas").forEach((element) => element.remove()));
      await page.until("the device to be given back", () => Promise.race([devices[0].lost.then(() => true), new Promise((resolve) => setTimeout(resolve, 100, false))]));
    },
  },
  {
    name: "has every attribute as a property, every method and every event",
    async run(context) {
      const page = await openPost(context, "bare");
      const { reflected, defaults, events } = await page.evaluate(async () => {
        const element = document.createElement("ddpm-canvas");
        const others = {
          model: "/models/reference-f32.safetensors", integrity: "sha256-x", count: 3, seed: "18446744073709551615", sampler: "ddim", steps: 7, eta: 0.5,
          label: 2, guidance: 1.5, view: "pred_noise", speed: 9, autoplay: true, loop: true, controls: true, loading: "lazy", poster: "p.png",
          recording: "r.gif", alt: "words",
        };
        const names = [...new Set([...customElements.get("ddpm-canvas").observedAttributes, ...Object.keys(others)])];
        const defaults = names.map((name) => [name, element[name]]);
        const reflected = names.map((name) => {
          element[name] = others[name];
          const attribute = element.getAttribute(name);
          const read = element[name];
          element.removeAttribute(name);
          return [name, read === others[name], attribute === (others[name] === true ? "" : String(others[name]))];
        });
        const seen = new Set();
        for (const type of ["progress", "load", "step", "complete", "error", "statechange"]) element.addEventListener(type, () => seen.add(type));
        document.querySelector("main").append(element);
        const until = (type) => new Promise((resolve) => element.addEventListener(type, resolve, { once: true }));
        Object.assign(element, { model: "/models/reference-f32.safetensors", count: 1, seed: 7, sampler: "ddim", steps: 20 });
        await until("load");
        await until("step");
        element.play();
        await until("complete");
        await element.seek(950);
        const sought = element.progress.stepsDone;
        await element.step();
        const stepped = element.progress.stepsDone - sought;
        element.restart();
        await new Promise((resolve) => setTimeout(resolve, 0));
        element.play();
        await until("complete");
        const { type, size } = await element.toBlob();
        element.steps = null;
        element.model = "/models/a-page.safetensors";
        const { detail } = await until("error");
        const blob = [sought, stepped, type, size > 100, detail.type, detail.recovered, element.state];
        return { reflected, defaults, events: [...seen].sort(), blob };
      }).then(({ blob, ...rest }) => {
        equal(blob, [0, 1, "image/png", true, "load", false, "error"], "what methods did");
        return rest;
      });
      equal(reflected.filter(([, read, attribute]) => !read || !attribute), [], "attributes that are not reflected");
      equal(defaults.find(([name]) => name === "count"), ["count", 16], "a default");
      equal(events, ["complete", "error", "load", "progress", "statechange", "step"], "events seen");
    },
  },
  {
    name: "goes on after a move within the page, and can be defined twice",
    async run(context) {
      const page = await openPost(context, "playing");
      await untilState(page, "playing|complete");
      await page.evaluate(async (root) => {
        const element = document.querySelector("ddpm-canvas");
        const place = document.createElement("section");
        document.body.append(place);
        place.append(element);
        window.moved = element.state;
        await import(`${root}ddpm-canvas.js?again`);
      }, SUB_PATH);
      check(["playing", "complete"].includes(await page.evaluate(() => window.moved)), "it began anew");
      await untilState(page, "complete", 120);
      equal(await page.evaluate(() => devices.length), 1, "devices");
      await checkPicture(page, "the picture");
    },
  },
  {
    name: "works under a strict policy, with trusted types and nothing inline",
    async run(context) {
      const page = await openPost(context, "strict");
      await untilState(page, "complete", 120);
      await checkPicture(page, "the picture");
    },
  },
  {
    name: "can be imported where a page is rendered on a server",
    only: "chromium",
    async run({ dist }) {
      const { DdpmCanvas } = await import(`${dist}/ddpm-canvas.js`);
      check(typeof DdpmCanvas === "function" && DdpmCanvas.observedAttributes.includes("model"), "no class is exported");
    },
  },
  {
    name: "plays a packed file of an earlier version",
    async run(context) {
      const page = await openPost(context, "bare");
      const expected = JSON.parse(readFileSync(new URL("../fixtures/packed/v1.json", import.meta.url), "utf8"));
      await page.evaluate((options) => {
        const element = Object.assign(document.createElement("ddpm-canvas"), options, { model: "/models/packed-once.safetensors", autoplay: true });
        document.querySelector("main").append(element);
      }, expected.options);
      await untilState(page, "complete", 120);
      const { class_names: names, card } = await page.evaluate(() => document.querySelector("ddpm-canvas").info);
      equal([names, card.name], [expected.class_names, expected.name], "its classes and its name");
      const difference = meanDifference(await valuesOf(page), expected.values);
      check(difference <= TOLERANCE, `mean |Δ| ${difference} against what it was, at most ${TOLERANCE} allowed`);
      context.note(`mean |Δ| ${difference.toExponential(1)}`);
    },
  },
];
