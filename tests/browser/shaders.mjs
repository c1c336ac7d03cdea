/** Every shader, and what a browser says of it. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Every shader of the repository as a driver gets it: `{name, wgsl, compute}`, `compute` being the names of its compute
 * entry points. The page's wasm holds no more than it needs, so the list is the native program's.
 */
export function allShaders() {
  const text = execFileSync("cargo", ["run", "--quiet", "--", "debug", "shaders"], { cwd: ROOT, maxBuffer: 1 << 26, encoding: "utf8" });
  return JSON.parse(text).map(({ shader, consts, entry_points, wgsl }) => ({
    name: `${shader} ${JSON.stringify(consts)}`,
    wgsl,
    compute: entry_points,
  }));
}

/** In the page: compiles each shader, and a pipeline of each compute entry point; `{name, words}` of those that fail. */
export async function compile(shaders) {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const failures = [];
  for (const { name, wgsl, compute } of shaders) {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: wgsl });
    const { messages } = await module.getCompilationInfo();
    const words = messages.filter(({ type }) => type === "error").map(({ message }) => message);
    for (const entryPoint of words.length > 0 ? [] : compute) {
      await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint } }).catch((error) => words.push(error.message));
    }
    const error = await device.popErrorScope();
    if (error && words.length === 0) words.push(error.message);
    if (words.length > 0) failures.push({ name, words: words.join("; ") });
  }
  device.destroy();
  return failures;
}
