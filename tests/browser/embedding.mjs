/** The element elsewhere: in a frame on another origin, and as a package in other people's builds. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, createServer } from "vite";
import { check, equal, untilState } from "./fixtures.mjs";
import { checkPicture, OBSERVE } from "./element.mjs";
import { serve } from "./server.mjs";

/** Where the host's page is: another origin than the frame's. */
const hostOf = (address) => new URL(address.replace("127.0.0.1", "localhost")).origin;

/** Opens a page on another origin, with the frame `embed.html` in it, which is told to talk to `origin`. */
async function openHost({ open, address }, query) {
  const page = await open();
  await page.goto(`${hostOf(address)}/pages/frame.html`);
  await page.evaluate((source) => {
    window.told = [];
    addEventListener("message", ({ data, origin }) => told.push({ ...data, origin }));
    const frame = document.createElement("iframe");
    Object.assign(frame, { src: source, width: 400, height: 520 });
    document.body.append(frame);
  }, `${address}embed.html?${new URLSearchParams({ model: "/models/reference-f32.safetensors", count: 1, seed: 7, sampler: "ddim", steps: 20, ...query })}`);
  return page;
}

const tell = (page, message) => page.evaluate((data) => document.querySelector("iframe").contentWindow.postMessage(data, "*"), message);
const told = (page, type) => page.evaluate((wanted) => told.filter(({ ddpm }) => ddpm === wanted), type);
const frameOf = ({ page }) => page.frames().find((frame) => frame.url().includes("embed.html"));

/** A project with the package's tarball installed, once for both browsers; its folder. */
let project;
function install(dist) {
  if (project) return project;
  project = mkdtempSync(join(tmpdir(), "ddpm-canvas-"));
  process.on("exit", () => rmSync(project, { recursive: true, force: true }));
  const npm = (...words) => execFileSync("npm", [...words, "--loglevel=error"], { cwd: project, encoding: "utf8" }).trim();
  const tarball = npm("pack", join(dist, "npm"), "--pack-destination", project).split("\n").at(-1);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "somebody", private: true, type: "module" }));
  npm("install", "--offline", "--no-audit", "--no-fund", join(project, tarball));
  const element = `<main><ddpm-canvas count="1" seed="7" sampler="ddim" steps="20" autoplay controls></ddpm-canvas></main>`;
  const icon = `<link rel="icon" href="data:,">`;
  writeFileSync(join(project, "index.html"), `<!doctype html><title>Vite</title>${icon}<script type="module" src="/main.js"></script>${element}`);
  writeFileSync(
    join(project, "main.js"),
    `import "ddpm-canvas";
import "ddpm-canvas/ddpm-canvas.css";
import model from "ddpm-canvas/models/fashion-mnist-reference.safetensors?url";
document.querySelector("ddpm-canvas").model = model;`,
  );
  for (const script of ["bundle", "ddpm-canvas"]) {
    const text = element.replace("<ddpm-canvas", `<ddpm-canvas model="fashion-mnist-reference"`);
    writeFileSync(join(project, `${script}.html`), `<!doctype html><title>Plain</title>${icon}<script type="module" src="node_modules/ddpm-canvas/${script}.js"></script>${text}`);
  }
  return project;
}

const VITE = { logLevel: "error", configFile: false, optimizeDeps: { exclude: ["ddpm-canvas"] } };

/** Opens `address`, and waits for the pictures to be complete. */
async function complete({ open }, address) {
  const page = await open();
  await page.prepare(OBSERVE);
  await page.goto(address);
  await untilState(page, "complete", 120);
  return page;
}

export const cases = [
  {
    name: "in a frame, talks to its host's origin",
    async run(context) {
      const page = await openHost(context, { origin: hostOf(context.address), controls: "" });
      await page.until("the model", () => told.some(({ ddpm }) => ddpm === "load"));
      await page.until("a rest", () => told.some(({ ddpm, detail }) => ddpm === "statechange" && detail.state === "paused"));
      const origins = await page.evaluate(() => [...new Set(told.map(({ origin }) => origin))]);
      equal(origins, [new URL(context.address).origin], "who told");
      await tell(page, { ddpm: "step" });
      await page.until("a step", () => told.some(({ ddpm, detail }) => ddpm === "step" && detail.stepsDone === 1));
      await tell(page, { ddpm: "set", name: "steps", value: 10 });
      await page.until("ten steps", () => told.some(({ ddpm, detail }) => ddpm === "step" && detail.stepsTotal === 10));
      await tell(page, { ddpm: "play" });
      await page.until("the end", () => told.some(({ ddpm }) => ddpm === "complete"));
      // What it does not know, and no attribute, it leaves alone.
      await tell(page, { ddpm: "set", name: "onclick", value: "alert(1)" });
      await tell(page, { ddpm: "remove" });
      await tell(page, null);
      const attributes = await frameOf(page).evaluate(() => document.querySelector("ddpm-canvas").getAttributeNames().sort());
      equal(attributes, ["controls", "count", "model", "sampler", "seed", "steps"], "its attributes");
    },
  },
  {
    name: "in a frame, does not hear or talk to another origin",
    // Chromium notes that a message was not delivered.
    expects: /postMessage/,
    async run(context) {
      const page = await openHost(context, { origin: "https://elsewhere.example" });
      await new Promise((resolve) => setTimeout(resolve, 500));
      const state = () => frameOf(page).evaluate(() => document.querySelector("ddpm-canvas")?.state);
      const end = Date.now() + 60000;
      while ((await state()) !== "paused" && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
      await tell(page, { ddpm: "step" });
      await tell(page, { ddpm: "play" });
      await new Promise((resolve) => setTimeout(resolve, 500));
      equal(await state(), "paused", "state after commands of another origin");
      equal(await page.evaluate(() => told), [], "told to another origin");
    },
  },
  {
    name: "the package works in a page without a build, in one file and in several",
    async run(context) {
      const server = await serve(install(context.dist));
      for (const script of ["bundle", "ddpm-canvas"]) {
        const page = await complete(context, `${server.address}${script}.html`);
        equal(await page.evaluate(() => devices.length), 1, "devices");
      }
      await server.close();
    },
  },
  {
    name: "the package works in a fresh Vite project, built and in development",
    only: "chromium",
    async run(context) {
      const root = install(context.dist);
      const begun = Date.now();
      await build({ ...VITE, root, base: "./" });
      const server = await serve(join(root, "dist"), 0, { mount: "/some/where/" });
      await complete(context, `${server.address}some/where/`);
      await server.close();
      const development = await createServer({ ...VITE, root, server: { port: 0, host: "127.0.0.1", hmr: false } });
      await development.listen();
      await complete(context, development.resolvedUrls.local[0]);
      await development.close();
      context.note(`${readdirSync(join(root, "dist/assets")).length} assets, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
    },
  },
  {
    name: "the package describes what the element has",
    only: "chromium",
    async run(context) {
      const npm = (path) => readFileSync(join(context.dist, "npm", path), "utf8");
      const [declaration] = JSON.parse(npm("custom-elements.json")).modules[0].declarations;
      const named = (list) => list.map(({ name }) => name).sort();
      const types = npm("ddpm-canvas.d.ts");
      const guide = npm("README.md");
      const page = await context.open();
      await page.goto(new URL("/pages/bare.html", context.address).href);
      const real = await page.evaluate(() => {
        const element = document.createElement("ddpm-canvas");
        document.querySelector("main").append(element);
        const { prototype, observedAttributes } = element.constructor;
        const attributes = [...observedAttributes];
        const methods = Object.getOwnPropertyNames(prototype).filter((name) => typeof Object.getOwnPropertyDescriptor(prototype, name).value === "function");
        const getters = Object.getOwnPropertyNames(prototype).filter((name) => Object.getOwnPropertyDescriptor(prototype, name).get);
        const root = element.shadowRoot;
        const parts = [...new Set([...root.querySelectorAll("[part]")].flatMap((part) => [...part.part]))];
        const slots = Array.from(root.querySelectorAll("slot"), ({ name }) => name);
        const style = Array.from(root.adoptedStyleSheets[0].cssRules, ({ cssText }) => cssText).join("\n");
        const properties = [...new Set(style.match(/--ddpm-[\w-]+/g))];
        return { attributes, methods, getters, parts, slots, properties };
      });
      const methods = real.methods.filter((name) => !/^(constructor|\w+Callback)$/.test(name));
      equal(named(declaration.attributes), real.attributes.sort(), "attributes described");
      equal(named(declaration.members), methods.sort(), "methods described");
      equal(named(declaration.cssParts), real.parts.sort(), "parts described");
      equal(named(declaration.slots), real.slots.sort(), "slots described");
      equal(named(declaration.cssProperties), real.properties.sort(), "custom properties described");
      for (const name of [...methods, ...real.getters]) check(new RegExp(`^  (readonly )?${name}[(:]`, "m").test(types), `ddpm-canvas.d.ts has no ${name}`);
      for (const name of [...real.attributes, ...methods, ...real.parts, ...real.properties, ...named(declaration.events)]) {
        check(guide.includes(`\`${name}`), `README.md says nothing of \`${name}\``);
      }
      check(/"version": "\d+\.\d+\.\d+"/.test(npm("package.json")), "package.json has no version");
    },
  },
];
