/**
 * A static file server for `dist/`, on 127.0.0.1 alone. `./build.sh serve` runs it as a program: `node server.mjs FOLDER PORT`.
 */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * Serves `folder` under the path `mount` on `port` (0: any free one), with `headers` beside each file's own. `route(path)` may
 * return a function (request, response) that answers instead.
 * @returns {Promise<{address: string, close: () => Promise<void>}>} `address` ends in a slash
 */
export function serve(folder, port = 0, { mount = "/", route = () => undefined, headers = {} } = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://127.0.0.1").pathname);
    const answer = route(path, request);
    if (answer) return answer(request, response);
    const inside = path.startsWith(mount) ? normalize(path.slice(mount.length)) : "not mounted";
    sendFile(join(folder, inside), folder, headers, response).catch(() => response.writeHead(404).end("not found"));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const close = () => new Promise((done) => server.close(done) && server.closeAllConnections());
      resolve({ address: `http://127.0.0.1:${server.address().port}/`, close });
    });
  });
}

async function sendFile(path, folder, headers, response) {
  if (path !== folder && !path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw new Error("outside");
  let facts = await stat(path);
  if (facts.isDirectory()) facts = await stat((path = join(path, "index.html")));
  response.writeHead(200, {
    ...headers,
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "content-length": facts.size,
    "cache-control": "no-cache",
  });
  createReadStream(path).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, port] = process.argv.slice(2);
  serve(folder, Number(port)).then(
    ({ address }) => console.log(`ddpm: ${address} (Ctrl-C ends it)`),
    (error) => {
      console.error(error.code === "EADDRINUSE" ? `ddpm: port ${port} is taken; choose another: ./build.sh serve PORT` : `ddpm: ${error.message}`);
      process.exit(1);
    },
  );
}
