/** Where models come from: folders, repositories, names; slow ones, kept ones, ones with a hash. */

import { createHash } from "node:crypto";
import { check, equal, untilState, valuesOf } from "./fixtures.mjs";
import { checkPicture, openPost } from "./element.mjs";
import { referenceF32 } from "./models.mjs";

const CHAIN = { count: 1, seed: 7, sampler: "ddim", steps: 20 };

/** Adds an element with these properties to the page. */
const add = (page, properties) =>
  page.evaluate((given) => {
    document.querySelector("ddpm-canvas")?.remove();
    document.querySelector("main").append(Object.assign(document.createElement("ddpm-canvas"), given));
  }, properties);

const errorOf = async (page) => {
  await untilState(page, "error");
  return page.evaluate(() => document.querySelector("ddpm-canvas").error);
};

export const cases = [
  {
    name: "plays a folder in diffusers' layout",
    async run(context) {
      const page = await openPost(context, "bare");
      await add(page, { ...CHAIN, model: "/folders/reference/", autoplay: true });
      await untilState(page, "complete", 120);
      await checkPicture(page, "the picture");
    },
    // It looks for config.json first.
    expects: /404/,
  },
  {
    name: "plays a repository of Hugging Face by its name, and says so where it has no safetensors",
    async run(context) {
      const page = await openPost(context, "bare");
      await page.evaluate(() => (customElements.get("ddpm-canvas").settings.hub = new URL("/hub/", location.href).href));
      await add(page, { ...CHAIN, model: "google/ddpm-cifar10-32", steps: 2, autoplay: true });
      await untilState(page, "complete", 120);
      equal((await valuesOf(page)).length, 3 * 32 * 32, "values");
      equal(await page.evaluate(() => document.querySelector("ddpm-canvas").info.num_timesteps), 1000, "timesteps");
      await add(page, { ...CHAIN, model: "somebody/pickled" });
      const { type, message } = await errorOf(page);
      equal(type, "load", "the error's type");
      check(/diffusion_pytorch_model\.safetensors is missing: weights in other formats/.test(message), message);
    },
    expects: /404/,
  },
  {
    name: "plays the models that come with it by their names, or from another folder",
    async run(context) {
      const { requests } = context.server;
      const page = await openPost(context, "bare");
      await add(page, { ...CHAIN, model: "fashion-mnist-reference", steps: 2, autoplay: true });
      await untilState(page, "complete", 120);
      const from = requests.length;
      await page.evaluate(() => (customElements.get("ddpm-canvas").settings.models = "/models/"));
      await add(page, { ...CHAIN, model: "reference-f32", steps: 2, autoplay: true });
      await untilState(page, "complete", 120);
      check(requests.slice(from).includes("GET /models/reference-f32.safetensors"), "it was not fetched from there");
    },
  },
  {
    name: "shows how far a slow download is, and fetches once for two",
    async run(context) {
      const { requests } = context.server;
      const from = requests.length;
      const page = await openPost(context, "bare");
      const told = await page.evaluate(async (chain) => {
        const elements = [0, 1].map(() => Object.assign(document.createElement("ddpm-canvas"), chain, { model: "/models/slow.safetensors" }));
        const told = elements.map((element) => {
          const seen = [];
          element.addEventListener("progress", ({ detail }) => detail.phase === "model" && seen.push(detail.done / detail.total));
          return seen;
        });
        document.querySelector("main").append(...elements);
        await Promise.all(elements.map((element) => new Promise((resolve) => element.addEventListener("load", resolve))));
        return told;
      }, CHAIN);
      for (const seen of told) {
        check(seen.length >= 5 && seen.every((share, index) => share >= (seen[index - 1] ?? 0)) && seen.at(-1) === 1, `it told ${seen}`);
      }
      equal(requests.slice(from).filter((line) => line === "GET /models/slow.safetensors").length, 1, "downloads");
    },
  },
  {
    name: "keeps a model for the next visit, until the server has another",
    async run(context) {
      const { requests, answers } = context.server;
      const bytes = referenceF32();
      let version = 1;
      answers["/models/versioned.safetensors"] = (request, response) => {
        response.writeHead(200, { "content-length": bytes.length, etag: `"${version}"` });
        response.end(request.method === "HEAD" ? undefined : bytes);
      };
      const visit = async () => {
        const from = requests.length;
        const page = await openPost(context, "bare");
        await add(page, { ...CHAIN, model: "/models/versioned.safetensors" });
        await untilState(page, "paused");
        await page.until("it to be kept", async () => Boolean(await caches.match(new URL("/models/versioned.safetensors", location.href))));
        return { page, asked: requests.slice(from).filter((line) => line.includes("versioned")).map((line) => line.split(" ")[0]) };
      };
      // Chromium's cases each have a storage of their own, Firefox's do not: the same page is opened again in one tab.
      const { page, asked } = await visit();
      equal(asked, ["GET"], "asked for at the first visit");
      const again = async () => {
        const from = requests.length;
        await page.page.reload();
        await add(page, { ...CHAIN, model: "/models/versioned.safetensors" });
        await untilState(page, "paused");
        return requests.slice(from).filter((line) => line.includes("versioned")).map((line) => line.split(" ")[0]);
      };
      equal(await again(), ["HEAD"], "asked for at the second");
      version = 2;
      equal(await again(), ["HEAD", "GET"], "asked for when there is another");
      delete answers["/models/versioned.safetensors"];
    },
  },
  {
    name: "takes a model with its hash, from its cache without asking, and refuses any other",
    async run(context) {
      const { requests } = context.server;
      const integrity = `sha256-${createHash("sha256").update(referenceF32()).digest("base64")}`;
      const model = "/models/reference-f32.safetensors";
      const page = await openPost(context, "bare");
      await add(page, { ...CHAIN, model, integrity });
      await untilState(page, "paused");
      await page.until("it to be kept", async () => Boolean(await caches.match(new URL("/models/reference-f32.safetensors", location.href))));
      const from = requests.length;
      await add(page, { ...CHAIN, model, integrity: `sha384-AAAA ${integrity}` });
      await untilState(page, "paused");
      equal(requests.slice(from).filter((line) => line.includes("reference-f32")), [], "asked for the second time");
      await add(page, { ...CHAIN, model, integrity: integrity.replace(/.{4}$/, "AAA=") });
      const { type, message } = await errorOf(page);
      equal(type, "load", "the error's type");
      check(/is not the file that its integrity attribute asks for/.test(message), message);
    },
  },
];
