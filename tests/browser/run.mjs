/**
 * The page's tests, in real browsers: `node run.mjs [chromium|firefox] [part of a test's name]`.
 *
 * Serves `dist/` under a sub-path of its own server, runs every case in every browser, prints a line each and at the end
 * `browser: N passed, N failed`.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { cases as accessibility } from "./accessibility.mjs";
import { cases as agreement } from "./agreement.mjs";
import { cases as chapters } from "./chapters.mjs";
import { cases as downloads } from "./downloads.mjs";
import { cases as embedding } from "./embedding.mjs";
import { cases as element } from "./element.mjs";
import { cases as faults } from "./faults.mjs";
import { cases as mending } from "./mending.mjs";
import { cases as playing } from "./playing.mjs";
import { cases as surfaces } from "./surfaces.mjs";
import { testServer } from "./fixtures.mjs";

const DIST = resolve(process.env.DDPM_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url)));
/** No case takes longer, unless it says so. */
const SECONDS = 240;

const wanted = process.argv.slice(2);
const browsers = Object.keys(BROWSERS).filter((name) => !wanted.some((word) => word in BROWSERS) || wanted.includes(name));
const words = wanted.filter((word) => !(word in BROWSERS));
const cases = [
  ...playing,
  ...surfaces,
  ...chapters,
  ...faults,
  ...element,
  ...downloads,
  ...mending,
  ...embedding,
  ...accessibility,
  ...agreement,
].filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);

if (!existsSync(DIST)) {
  console.error(`${DIST} is missing; ./build.sh web makes it`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const server = await testServer(DIST);
/** What cases leave for later ones: one seed's picture from each browser. */
const shared = {};

for (const name of browsers) {
  try {
    await runAll(name);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: could not be started: ${error.message}`);
  }
}
await server.close();
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function runAll(name) {
  const started = {};
  const launch = async (webgpu) => (started[webgpu] ??= await BROWSERS[name].launch({ webgpu }));
  console.log(`${(await launch(true)).version}`);
  for (const test of cases) {
    if (!test.only || test.only === name) await runOne(name, launch, test);
  }
  for (const browser of Object.values(started)) await browser.close();
}

async function runOne(name, launch, test) {
  const pages = [];
  const open = async ({ webgpu = true } = {}) => {
    const page = await (await launch(webgpu)).open();
    pages.push(page);
    return page;
  };
  const notes = [];
  const begun = Date.now();
  let complaint = "";
  try {
    const context = { browser: name, dist: DIST, server, address: server.address, open, shared, note: (words) => notes.push(words) };
    await within(test.seconds ?? SECONDS, test.run(context));
    const problems = pages.flatMap((page) => page.problems).filter((problem) => !test.expects?.test(problem));
    if (problems.length > 0) complaint = `errors in the console: ${problems.join(" | ")}`;
  } catch (error) {
    complaint = error.message;
  }
  for (const page of pages) await page.close().catch(() => {});
  if (complaint) failed += 1;
  else passed += 1;
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  const aside = [`${seconds} s`, ...notes].join(", ");
  console.log(`${complaint ? "FAILED" : "ok    "} ${name}: ${test.name} (${aside})${complaint ? `\n       ${complaint}` : ""}`);
}

function within(seconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
