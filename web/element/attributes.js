/**
 * The attributes of `<ddpm-canvas>`: one table, which the element, the page's settings and the page's URL all read.
 *
 * A value that makes no sense counts as absent, as in HTML. `null` as a default means "decided by the model or the sampler".
 */

const MAX_SEED = 2n ** 64n - 1n;

const text = (fallback) => ({ kind: "text", fallback, parse: (value) => value.trim() || fallback });
const flag = () => ({ kind: "flag", fallback: false });
const choice = (...choices) => ({
  kind: "choice",
  choices,
  fallback: choices[0],
  parse: (value) => (choices.includes(value) ? value : choices[0]),
});
const number = (fallback, min, max) => ({
  kind: "number",
  fallback,
  parse(value) {
    const parsed = Number(value);
    return value.trim() === "" || !Number.isFinite(parsed) ? fallback : Math.min(max, Math.max(min, parsed));
  },
});
const integer = (fallback, min, max) => ({
  kind: "number",
  fallback,
  parse: (value) => (/^\s*\d+\s*$/.test(value) ? Math.min(max, Math.max(min, Number(value))) : fallback),
});

/** A seed is a decimal u64, kept as text: JavaScript's numbers end at 2^53. */
const seed = () => ({
  kind: "text",
  fallback: "0",
  parse: (value) => (/^\s*\d{1,20}\s*$/.test(value) && BigInt(value) <= MAX_SEED ? BigInt(value).toString() : "0"),
});

export const ATTRIBUTES = {
  /** A packed file's or a folder's address, relative to the document, a repository, or a name: see `model/source.js`. */
  model: text(""),
  /** The hash of the model's weights, as in HTML's `integrity`: they are refused if they have another. */
  integrity: text(""),
  /** Pictures computed side by side. */
  count: integer(16, 1, 256),
  seed: seed(),
  sampler: choice("ddpm", "ddim"),
  /** Reverse steps; absent: every timestep for ddpm, 50 for ddim. */
  steps: integer(null, 1, 100000),
  /** DDIM's η: 0 is deterministic, 1 as random as DDPM. */
  eta: number(0, 0, 1),
  /** Index into the model's classes; absent: any. */
  label: integer(null, 0, 100000),
  /** Classifier-free guidance: 1 is the plain conditional model. */
  guidance: number(1, 0, 20),
  view: choice("x_t", "pred_x_start", "pred_noise"),
  /** Reverse steps a second; 0: as fast as the adapter goes. */
  speed: number(0, 0, 100000),
  autoplay: flag(),
  loop: flag(),
  controls: flag(),
  /** When anything is fetched: at once, near the viewport, or when somebody asks for it. In any case when played. */
  loading: choice("eager", "lazy", "intent"),
  /** A picture shown until there is something to see. */
  poster: text(""),
  /** A film (GIF, WebP, …) shown, labelled as recorded, where WebGPU is missing; absent: the poster. */
  recording: text(""),
  /** What the canvas shows, for people who do not see it. */
  alt: text(""),
};

/** Every attribute's value on `element`, parsed. */
export function readAttributes(element) {
  const values = {};
  for (const [name, { kind, fallback, parse }] of Object.entries(ATTRIBUTES)) {
    const value = element.getAttribute(name);
    values[name] = kind === "flag" ? value !== null : value === null ? fallback : parse(value);
  }
  return values;
}

/** Gives `prototype` a property for each attribute, so that `element.count = 4` sets `count="4"`; null removes it. */
export function reflectAttributes(prototype) {
  for (const [name, { kind, fallback, parse }] of Object.entries(ATTRIBUTES)) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = this.getAttribute(name);
        return kind === "flag" ? value !== null : value === null ? fallback : parse(value);
      },
      set(value) {
        if (kind === "flag") this.toggleAttribute(name, Boolean(value));
        else if (value === null || value === undefined) this.removeAttribute(name);
        else this.setAttribute(name, String(value));
      },
    });
  }
}
