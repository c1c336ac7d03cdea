/**
 * Real Chromium and real Firefox, with WebGPU on a software adapter, behind one small face.
 *
 * Chromium computes through SwiftShader, Firefox through the system's Vulkan driver (llvmpipe where there is no GPU).
 * Headless Chromium computes but does not present a WebGPU canvas, so tests read pictures back and never screenshot them.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

const QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

/** The browsers by name; `launch({webgpu})` starts one; Firefox also takes `preferences`. */
export const BROWSERS = {
  chromium: { launch: launchChromium },
  firefox: { launch: launchFirefox },
};

async function launchChromium({ webgpu }) {
  const browser = await chromium.launch({
    executablePath: program("CHROMIUM", ["chromium", "chromium-browser", "google-chrome"]),
    args: ["--headless=new", "--no-sandbox", ...(webgpu ? ["--enable-unsafe-webgpu"] : []), ...QUIET],
  });
  return {
    version: `Chromium ${browser.version()}`,
    async open() {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      return new Page(await context.newPage(), () => context.close());
    },
    close: () => browser.close(),
  };
}

async function launchFirefox({ webgpu, preferences = {} }) {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: program("FIREFOX", ["firefox-esr", "firefox"]),
    headless: true,
    protocolTimeout: 3_600_000,
    extraPrefsFirefox: { "dom.webgpu.enabled": webgpu, "gfx.webgpu.ignore-blocklist": webgpu, ...preferences },
  });
  return {
    version: (await browser.version()).replace("/", " "),
    async open() {
      const page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 800 });
      return new Page(page, () => page.close());
    },
    close: () => browser.close(),
  };
}

/** One tab; `problems` collects what went to the console as an error, and exceptions that nothing caught. */
class Page {
  problems = [];

  constructor(page, close) {
    this.page = page;
    this.close = close;
    page.on("console", (message) => message.type() === "error" && this.problems.push(message.text()));
    page.on("pageerror", (error) => this.problems.push(String(error?.message ?? error)));
  }

  async goto(address) {
    await this.page.goto(address, { waitUntil: "load" });
  }

  /** Runs `work(argument)` in the page; both must survive JSON. */
  evaluate(work, argument) {
    return this.page.evaluate(work, argument);
  }

  /** Runs `script` text in every document before its own scripts. */
  async prepare(script) {
    if (this.page.addInitScript) await this.page.addInitScript(script);
    else await this.page.evaluateOnNewDocument(script);
  }

  /** Polls `condition(argument)` in the page until it is true; fails after `seconds`, saying `what` was awaited. */
  async until(what, condition, argument, seconds = 60) {
    const end = Date.now() + seconds * 1000;
    while (!(await this.evaluate(condition, argument))) {
      if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s${await this.#whereItStands()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #whereItStands() {
    const facts = await this.evaluate(() => {
      const element = document.querySelector("ddpm-canvas");
      return element && { state: element.state, error: element.error, progress: { ...element.progress, kept: undefined } };
    }).catch(() => null);
    return facts ? ` (${JSON.stringify(facts)}${this.problems.length ? `; console: ${this.problems.join(" | ")}` : ""})` : "";
  }
}

/** The first of `names` on the PATH, or what the environment variable says. */
function program(variable, names) {
  if (process.env[variable]) return process.env[variable];
  for (const name of names) {
    for (const folder of process.env.PATH.split(delimiter)) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error(`none of ${names.join(", ")} is installed; set ${variable} to a browser's path`);
}
