/** What goes wrong with the graphics device, and how it goes on. */

import { check, equal, meanDifference, progressOf, SHORT, untilState, valuesOf } from "./fixtures.mjs";
import { checkPicture, openPost } from "./element.mjs";

/** Adds an element that remembers its errors. */
const add = (page, properties) =>
  page.evaluate((given) => {
    const element = Object.assign(document.createElement("ddpm-canvas"), given);
    window.errors = [];
    element.addEventListener("error", ({ detail }) => errors.push(detail));
    document.querySelector("main").append(element);
  }, properties);

const lose = (page) => page.evaluate(() => devices.at(-1).destroy());
const errors = (page) => page.evaluate(() => window.errors);

/** Before the page's scripts: the shader whose name has `name` is compiled with `from` replaced by `to`. */
const broken = (name, from, to) => `
  const create = globalThis.GPUDevice?.prototype.createShaderModule;
  if (create) GPUDevice.prototype.createShaderModule = function (descriptor) {
    const isMeant = descriptor.label.startsWith(${JSON.stringify(name)});
    const code = isMeant ? descriptor.code.replace(${from}, ${JSON.stringify(to)}) : descriptor.code;
    if (isMeant) (window.changed ??= []).push(code !== descriptor.code);
    return create.call(this, { ...descriptor, code });
  };
`;

export const cases = [
  {
    name: "goes on after a lost device, to the same picture",
    async run(context) {
      const page = await openPost(context, "bare");
      await add(page, { ...SHORT, eta: 1 });
      await page.evaluate(() => document.querySelector("ddpm-canvas").play());
      await untilState(page, "complete", 120);
      const undisturbed = await valuesOf(page);
      await page.evaluate(() => document.querySelector("ddpm-canvas").seek(950));

      // Slowly, so that it is lost half-way.
      await page.evaluate(() => Object.assign(document.querySelector("ddpm-canvas"), { speed: 8 }).play());
      await page.until("eight steps", () => document.querySelector("ddpm-canvas").progress.stepsDone >= 8);
      await lose(page);
      await page.until("the loss to be told", () => window.errors.length > 0);
      await page.evaluate(() => (document.querySelector("ddpm-canvas").speed = 0));
      await untilState(page, "playing|complete", 120);
      const { kept } = await progressOf(page);
      await untilState(page, "complete", 120);
      equal((await errors(page)).map(({ type, recovered }) => [type, recovered]), [["device-lost", true]], "errors told");
      equal(await page.evaluate(() => devices.length), 2, "devices");
      check(kept.some((index) => index >= 4 && index < 20), `it went on from the beginning: ${kept}`);
      const difference = meanDifference(await valuesOf(page), undisturbed);
      check(difference <= 1e-6, `mean |Δ| ${difference} against the chain that was not disturbed`);

      // Lost at rest, the picture comes back; lost again and again, it is an error that can be tried anew.
      await lose(page);
      await page.until("the second loss", () => window.errors.length > 1 && document.querySelector("ddpm-canvas").state === "complete");
      check(meanDifference(await valuesOf(page), undisturbed) <= 1e-6, "another picture after a loss at rest");
    },
  },
  {
    name: "another future survives a lost device too",
    async run(context) {
      const page = await openPost(context, "bare");
      await add(page, SHORT);
      await untilState(page, "paused");
      const branch = async (loss) => {
        await page.evaluate(async () => {
          const element = document.querySelector("ddpm-canvas");
          Object.assign(element, { seed: 7, eta: 1 });
          element.restart();
        });
        await page.until("the start", () => document.querySelector("ddpm-canvas").progress.stepsDone === 0 && document.querySelector("ddpm-canvas").state === "paused");
        for (let step = 0; step < 5; step += 1) await page.evaluate(() => document.querySelector("ddpm-canvas").step());
        await page.evaluate(() => (document.querySelector("ddpm-canvas").seed = 8));
        await page.until("the branch", () => document.querySelector("ddpm-canvas").branchedAt !== null);
        await page.evaluate(() => document.querySelector("ddpm-canvas").step());
        // Until what was submitted is done, and with it the copy to go on from.
        await valuesOf(page);
        if (loss) {
          await lose(page);
          await page.until("the loss", () => window.errors.length > 0 && document.querySelector("ddpm-canvas").state === "paused");
          context.note(`went on from step ${(await progressOf(page)).stepsDone}`);
        }
        await page.evaluate(() => document.querySelector("ddpm-canvas").play());
        await untilState(page, "complete", 120);
        await page.evaluate(() => document.querySelector("ddpm-canvas").pause());
        return valuesOf(page);
      };
      const undisturbed = await branch(false);
      const difference = meanDifference(await branch(true), undisturbed);
      check(difference <= 1e-6, `mean |Δ| ${difference} against the branch that was not disturbed`);
    },
  },
  {
    name: "gives up on a device that is lost again and again, and can be tried anew",
    // Firefox compiles nothing on a lost device, and says so.
    expects: /device is lost|creating shader module/,
    async run(context) {
      const page = await openPost(context, "bare", `setInterval(() => { if (window.cruel) devices.at(-1)?.destroy(); }, 20);`);
      await add(page, { ...SHORT, autoplay: true });
      await untilState(page, "playing|complete");
      await page.evaluate(() => (window.cruel = true));
      await untilState(page, "error", 120);
      equal((await errors(page)).at(-1).type, "device-lost", "the error's type");
      await page.evaluate(() => ((window.cruel = false), document.querySelector("ddpm-canvas").play()));
      await untilState(page, "complete", 120);
      await checkPicture(page, "the picture");
    },
  },
  {
    name: "makes do with fewer pictures where there is too little memory",
    async run(context) {
      // What is allocated within a scope counts; above the limit the scope has an error, as an exhausted device's has.
      const page = await openPost(context, "bare", `
        window.limit = 6e6;
        let allocated = 0;
        const { createBuffer, pushErrorScope, popErrorScope } = globalThis.GPUDevice?.prototype ?? {};
        if (createBuffer) Object.assign(GPUDevice.prototype, {
          createBuffer(descriptor) { allocated += descriptor.size; return createBuffer.call(this, descriptor); },
          pushErrorScope(filter) { if (filter === "out-of-memory") allocated = 0; return pushErrorScope.call(this, filter); },
          popErrorScope() {
            const full = allocated > limit;
            return popErrorScope.call(this).then((error) => error ?? (full ? new GPUOutOfMemoryError("none left") : null));
          },
        });`);
      await add(page, { ...SHORT, count: 16, steps: 5, autoplay: true });
      await untilState(page, "complete", 180);
      const told = await errors(page);
      check(told.length > 0 && told.every(({ type, recovered }) => type === "out-of-memory" && recovered), JSON.stringify(told));
      const count = (await valuesOf(page)).length / 784;
      check(count >= 1 && count < 16 && told.at(-1).message.includes(count === 1 ? "one picture" : `${count} pictures`), `${count} pictures: ${told.at(-1).message}`);
      context.note(`${count} of 16 pictures`);
      await page.evaluate(() => ((window.limit = 0), (document.querySelector("ddpm-canvas").count = 2)));
      await untilState(page, "error", 60);
      equal((await errors(page)).at(-1).recovered, false, "the last error is mended");
    },
  },
  ...[
    ["normals", "/radius_of_word\\(words\\.x\\)\\*/", "0.5*radius_of_word(words.x)*"],
    ["conv2d", "/\\+=/", "-="],
    ["group_norm::coefficients", "/= 1\\.0 \\/ sqrt|=1\\.0 \\/ sqrt/", "=0.9/sqrt"],
    ["softmax", "/exp\\(/", "exp(0.5*"],
    ["p_sample", "/clamp\\(x_start/", "clamp(0.9*x_start"],
    ["linear", "/\\+=/", "-="],
  ].map(([shader, from, to]) => ({
    name: `refuses an adapter that computes ${shader} wrong`,
    only: "chromium",
    async run(context) {
      const page = await openPost(context, "bare", broken(shader, from, to));
      await add(page, { ...SHORT, autoplay: true });
      await untilState(page, "error|playing|complete");
      check((await page.evaluate(() => window.changed ?? [])).some(Boolean), `no ${shader} was changed`);
      const told = await errors(page);
      equal(told.map(({ type }) => type), ["self-test"], "errors told");
      context.note(told[0].message);
    },
  })),
  {
    name: "checks its adapter in little time",
    async run(context) {
      const page = await openPost(context, "bare");
      const [first, second] = await page.evaluate(async (chain) => {
        const element = Object.assign(document.createElement("ddpm-canvas"), chain);
        let begun;
        element.addEventListener("progress", ({ detail }) => detail.phase === "self-test" && (begun = performance.now()));
        const started = async () => {
          await new Promise((resolve) => element.addEventListener("step", resolve, { once: true }));
          return Math.round(performance.now() - begun);
        };
        document.querySelector("main").append(element);
        const first = await started();
        element.restart();
        return [first, await started()];
      }, SHORT);
      // A chain's start is in both, the check in the first alone.
      context.note(`${first - second} ms, beside ${second} ms for a chain's start`);
      check(first - second <= 1000, `${first - second} ms`);
    },
  },
];
