/**
 * Ours beside onnxruntime-web and TensorFlow.js in Chromium: `node run.mjs [--rounds N] [--batch N]… [--json FILE]`.
 *
 * All of them are open at once, each in a tab of its own, and take turns: a round is a run of each. Prints Markdown, and writes
 * every run to FILE, or `target/peers/web.json`. `../run.sh web` makes what this needs.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BROWSERS } from "../../../tests/browser/browsers.mjs";
import { referenceF32 } from "../../../tests/browser/models.mjs";
import { serve } from "../../../tests/browser/server.mjs";
import { difference } from "./agreement.mjs";
import { ratios, spread, table, words } from "./ratios.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const OUT = `${ROOT}target/peers/`;
/** A run of a peer lasts about so long, in milliseconds, or one step. */
const RUN_MS = 1000;
/** The search for onnxruntime-web's fastest setting begins no trial later, in milliseconds; each batch has its own. */
const SEARCH_MS = 120_000;
/** Its ways to use WebGPU, of which the fastest is taken; the older build, `ort.min.mjs`, takes twice as long. */
const WEBGPU_SETTINGS = ["ort.webgpu.min.mjs", "ort.jspi.min.mjs"].flatMap((bundle) =>
  ["NHWC", "NCHW"].flatMap((layout) =>
    [false, true].map((capture) => ({ provider: "webgpu", bundle, layout, capture })),
  ),
);
const WASM_SETTINGS = [1, cpus().length].map((threads) => ({ provider: "wasm", bundle: "ort.wasm.min.mjs", threads }));
/** ResNet blocks of the U-Net: channels and side. */
const BLOCKS = [{ channels: 32, side: 28, groups: 8 }, { channels: 64, side: 14, groups: 8 }];
/** |Δ| of ε̂ between onnxruntime-web and PyTorch, and of a DDIM chain's pictures to ours: a different network differs by 1. */
const TOLERANCE = 1e-3;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    batch: { type: "string", multiple: true, default: ["1", "16"] },
    json: { type: "string", default: `${OUT}web.json` },
  },
});
const rounds = Number(options.rounds);
const facts = JSON.parse(readFileSync(`${OUT}facts.json`, "utf8"));
const { shape } = facts;

const model = referenceF32();
const server = await serve(ROOT, 0, {
  // Threads of wasm need a page that shares memory with nobody.
  headers: { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" },
  route: (path) => (path === "/reference.safetensors" ? (_, response) => response.end(model) : undefined),
});
const browser = await BROWSERS.chromium.launch({ webgpu: true });
const log = (text) => console.log(text);

/** `module` of this folder in a tab of its own, opened with `settings`. */
async function open(module, settings) {
  const page = await browser.open();
  await page.goto(`${server.address}benches/peers/web/page.html`);
  const call = (method, ...given) =>
    page.evaluate(([name, args]) => globalThis.peer[name](...args), [method, given]);
  const found = await page.evaluate(
    async ([path, given]) => {
      globalThis.peer = await (await import(path)).open(given);
      const { name, adapter, gflop } = globalThis.peer;
      return { name, adapter, gflop };
    },
    [`/benches/peers/web/${module}`, settings],
  );
  return {
    ...found,
    settings,
    times: [],
    run: (steps) => call("run", steps),
    chain: (steps) => call("chain", steps),
    predict: (x, t) => call("predict", x, t),
    close: () => call("close").catch(() => {}).then(() => page.close()),
  };
}

const openOurs = (batch) => open("ours.js", { batch, model: "/reference.safetensors" });
const openOrt = (batch, setting) => open("ort.js", { batch, shape, onnx: `/target/peers/unet-${batch}.onnx`, setting });

/** The setting with which a step of `batch` pictures is fastest, and the milliseconds of each that there was time for. */
async function fastest(batch, settings) {
  log(`\nonnxruntime-web's settings, milliseconds a step of ${batch === 1 ? "one picture" : `${batch} pictures`}:`);
  const tried = [];
  const begin = performance.now();
  for (const setting of settings) {
    if (tried.length > 0 && performance.now() - begin > SEARCH_MS) {
      log(`- ${JSON.stringify(setting)}: not tried, for want of time`);
      continue;
    }
    let milliseconds;
    let peer;
    try {
      peer = await openOrt(batch, setting);
      await peer.run(1);
      milliseconds = await peer.run(1);
    } catch (error) {
      log(`- ${JSON.stringify(setting)}: ${error.message.split("\n")[0]}`);
    }
    await peer?.close();
    if (milliseconds === undefined) continue;
    log(`- ${JSON.stringify(setting)}: ${milliseconds.toFixed(0)} ms`);
    tried.push({ setting, milliseconds });
  }
  const [best] = [...tried].sort((a, b) => a.milliseconds - b.milliseconds);
  if (!best) throw new Error("onnxruntime-web runs with none of its settings");
  return { setting: best.setting, tried };
}

/** Times `peers` in turn and gives each its milliseconds a step, one a round. */
async function measure(peers) {
  for (const peer of peers) {
    // The first compiles; the second says how many steps make a run, unless one alone is long enough.
    const first = await peer.run(1);
    const second = first > 10 * RUN_MS ? first : await peer.run(1);
    peer.steps = Math.max(1, Math.round(RUN_MS / second));
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of peers) peer.times.push(await peer.run(peer.steps));
  }
}

log(`${browser.version}, load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores (${cpus()[0].model.trim()})\n`);
const result = { browser: browser.version, load: loadavg(), cpu: cpus()[0].model, versions: facts.versions, settings: {}, agreement: {}, steps: [], blocks: [] };

/** Throws unless onnxruntime-web with `settings` computes what ours does, for one picture; `batch` is whose settings they are. */
async function agree(batch, settings) {
  const ours = await openOurs(1);
  result.adapter = ours.adapter;
  result.agreement[batch] = {};
  for (const [name, setting] of Object.entries(settings)) {
    const peer = await openOrt(1, setting);
    const found = await difference(ours, peer, facts);
    await peer.close();
    result.agreement[batch][name] = found;
    log(
      `\nAgreement, onnxruntime-web (${name}): its ε̂ against PyTorch's, max |Δ| ${found.pytorch.toExponential(1)}; a DDIM chain on it ` +
        `against ours, pictures on [-1, 1], max |Δ| ${found.chain.toExponential(1)}`,
    );
    if (!(found.pytorch <= TOLERANCE && found.chain <= TOLERANCE)) throw new Error(`no agreement within ${TOLERANCE}`);
  }
  await ours.close();
}

for (const batch of options.batch.map(Number)) {
  const settings = { webgpu: await fastest(batch, WEBGPU_SETTINGS), wasm: await fastest(batch, WASM_SETTINGS) };
  result.settings[batch] = settings;
  await agree(batch, { webgpu: settings.webgpu.setting, wasm: settings.wasm.setting });
  const peers = {
    ours: await openOurs(batch),
    "onnxruntime-web, WebGPU": await openOrt(batch, settings.webgpu.setting),
    "onnxruntime-web, its own wasm": await openOrt(batch, settings.wasm.setting),
  };
  await measure(Object.values(peers));
  const rows = [];
  for (const [name, peer] of Object.entries(peers)) {
    const times = spread(peer.times.map((ms) => ms / 1000));
    const ratio = ratios(peer.times, peers.ours.times);
    result.steps.push({ batch, name, version: peer.name, setting: peer.settings.setting, times: peer.times, ratio });
    rows.push([name, batch, words(times, 3), name === "ours" ? "" : words(ratio, 2)]);
    await peer.close();
  }
  log(`\n${table(["U-Net step", "pictures", "seconds", "times ours"], rows)}`);
}

const blockRows = [];
for (const block of BLOCKS) {
  for (const batch of options.batch.map(Number)) {
    const peer = await open("tfjs.js", { batch, ...block });
    await measure([peer]);
    const speed = spread(peer.times.map((ms) => (peer.gflop / ms) * 1000));
    result.blocks.push({ batch, ...block, name: peer.name, gflop: peer.gflop, times: peer.times });
    blockRows.push([peer.name, `${block.channels} channels at ${block.side} × ${block.side}`, batch, words(speed, 2)]);
    await peer.close();
  }
}
log(`\n${table(["ResNet block", "size", "pictures", "GFLOP/s"], blockRows, 2)}`);

result.load_after = loadavg();
writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`);
log(`\nload ${loadavg()[0].toFixed(1)} at the end; ${options.json} has every run`);
await browser.close();
await server.close();
