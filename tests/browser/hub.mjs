/**
 * Answers like Hugging Face's: small files at once, weights by a redirect to another host's path, entity tags, CORS. Its repositories
 * are the fixtures of the U-Net's tests; a pipeline's folder is served plainly beside them.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

const fixture = (path) => new URL(`../fixtures/${path}`, import.meta.url);
const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "ETag, X-Linked-ETag" };

/** The files of a folder under tests/fixtures as `[path, bytes]`, those of the folders in it too. */
function files(folder) {
  return readdirSync(fixture(folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = `${entry.parentPath ?? entry.path}/${entry.name}`;
      return [path.slice(fixture(folder).pathname.length).replace(/^\//, ""), readFileSync(path)];
    });
}

/** diffusers' layout of google/ddpm-cifar10-32: config.json, scheduler_config.json and weights side by side, attention's old spelling. */
const SCHEDULER = JSON.stringify({ _class_name: "DDPMScheduler", beta_end: 0.02, beta_schedule: "linear", beta_start: 0.0001, clip_sample: true, num_train_timesteps: 1000, variance_type: "fixed_large" });

export function hub() {
  const repository = [...files("unet/cifar32_legacy_keys"), ["scheduler_config.json", Buffer.from(SCHEDULER)]];
  const answers = {};
  for (const [path, bytes] of repository) {
    const at = `/hub/google/ddpm-cifar10-32/resolve/main/${path}`;
    const elsewhere = `/hub-of-large-files/${path}`;
    const headers = { ...CORS, etag: `"${createHash("sha256").update(bytes).digest("hex")}"`, "content-length": bytes.length };
    const send = (request, response) => {
      response.writeHead(200, headers);
      response.end(request.method === "HEAD" ? undefined : bytes);
    };
    const redirect = (request, response) => response.writeHead(302, { ...CORS, location: elsewhere }).end();
    answers[elsewhere] = send;
    answers[at] = path.endsWith(".safetensors") ? redirect : send;
  }
  // Weights as PyTorch's pickles alone.
  answers["/hub/somebody/pickled/resolve/main/config.json"] = answers["/hub/google/ddpm-cifar10-32/resolve/main/config.json"];
  for (const [path, bytes] of files("checkpoints/fashion-mnist-reference")) {
    answers[`/folders/reference/${path}`] = (request, response) => response.writeHead(200).end(request.method === "HEAD" ? undefined : bytes);
  }
  return answers;
}
