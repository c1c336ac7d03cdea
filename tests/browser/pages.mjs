/** Pages of other people that have the element: each a function (request, response) by path. */

const POSTER = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><rect width="4" height="4" fill="#345"/><rect x="1" y="1" width="2" height="2" fill="#cde"/></svg>`;

/** As strict as a policy can be that lets WebAssembly run: no inline script or style, no eval, trusted types. */
const STRICT =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self'; style-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ddpm-canvas";

const SHORT = `model="/models/reference-f32.safetensors" count="1" seed="7" sampler="ddim" steps="20"`;
const FEW = SHORT.replace('steps="20"', 'steps="6"');
const element = (attributes, inside = "") => `<ddpm-canvas ${attributes}>${inside}</ddpm-canvas>`;

/** @param {string} root the path of the built page's folder */
export function pages(root) {
  const document = (body, { script = true } = {}) => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>A post</title>
<link rel="icon" href="/pages/poster.svg"><link rel="stylesheet" href="${root}ddpm-canvas.css"><link rel="stylesheet" href="/pages/blog.css">
${script ? `<script type="module" src="${root}ddpm-canvas.js"></script>` : ""}</head><body><main>${body}</main></body></html>`;
  const poster = `<img slot="poster" src="/pages/poster.svg" alt="Pictures of clothes">`;
  const spacer = `<p class="far">Much text.</p>`;
  const html = (text, headers = {}) => answer("text/html; charset=utf-8", text, headers);
  return {
    "/pages/poster.svg": answer("image/svg+xml", POSTER),
    "/pages/blog.css": answer("text/css", BLOG),
    "/pages/bare.html": html(document("")),
    "/pages/playing.html": html(document(element(`${SHORT} autoplay`))),
    "/pages/strict.html": html(document(element(`${SHORT} autoplay controls`)), { "content-security-policy": STRICT }),
    "/pages/lazy.html": html(document(`<h1>A post</h1>${spacer}${element(`${SHORT} steps="500" autoplay controls loading="lazy"`, poster)}${spacer}`)),
    "/pages/intent.html": html(document(element(`${SHORT} loading="intent" poster="/pages/poster.svg"`))),
    "/pages/ten.html": html(document(Array.from({ length: 10 }, () => element(`${FEW} autoplay`)).join(""))),
    "/pages/places.html": html(
      document(
        [1, 2, 3, 5, 12, 16, 18]
          .flatMap((count) => ["", "controls"].map((controls) => element(`count="${count}" ${controls} model="x" loading="intent"`, poster)))
          .join("<p>Text.</p>"),
        { script: false },
      ),
    ),
    "/pages/blog.html": html(
      document(`<h1>How noise becomes a picture</h1><p class="by">A post with two of them</p>
<p>A diffusion model begins with noise, and takes a little of it away, again and again. Below it does so in your browser: press play.</p>
<figure>${element(`model="fashion-mnist-reference" count="16" seed="7" sampler="ddim" steps="50" controls loading="lazy" alt="Sixteen pictures of clothes"`)}
<figcaption>Sixteen pictures of clothes, computed here and now.</figcaption></figure>
<p>A network that was told what to draw can be asked for boots alone. Nothing of this one is fetched before you ask for it.</p>
<figure class="small">${element(`model="fashion-mnist-classes" label="9" guidance="2" count="4" seed="3" sampler="ddim" steps="50" loading="intent" alt="Four boots"`, poster)}
<figcaption>Four boots.</figcaption></figure><p>That is all.</p>`),
    ),
    "/pages/frame.html": html(`<!doctype html><title>A host</title><link rel="icon" href="/pages/poster.svg"><body></body>`),
  };
}

function answer(type, text, headers = {}) {
  return (request, response) => {
    response.writeHead(200, { "content-type": type, "cache-control": "no-cache", ...headers });
    response.end(text);
  };
}

const BLOG = `:root { color-scheme: light dark; }
body { margin: 0; font: 1.0625rem/1.6 system-ui, sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; }
.by { margin: 0 0 1.5rem; opacity: .75; }
figure { margin: 1.5rem 0; }
figure.small { max-width: 18rem; }
figcaption { font-size: .875rem; padding-top: .5rem; }
.far { height: 300vh; }`;
