/**
 * `<ddpm-canvas model="…">`: watches noise turn into pictures. A diffusion model's whole reverse chain, computed live with
 * WebGPU on a canvas. This file owns the DOM; `element/session.js` owns the chain.
 *
 * Attributes: see `element/attributes.js`; each is a property too. Methods: `play() pause() step() restart() seek(t) toBlob()`,
 * and `film()`, `open(file)`. Events, with their `detail`: `progress {phase, done, total}`, `load` (the model's facts),
 * `step {t, stepsDone, stepsTotal, stepsPerSecond, kept}`, `complete`, `error {type, message}`, `statechange {state}`.
 */

import { ATTRIBUTES, readAttributes, reflectAttributes } from "./element/attributes.js";
import { pngBlob } from "./element/picture.js";
import { Session } from "./element/session.js";
import { attachShadowTree } from "./element/shadow.js";
import { Status } from "./element/status.js";
import { Timeline } from "./element/timeline.js";

/** How near to the viewport `loading="lazy"` begins. */
const LAZY_MARGIN = "300px";
const VIEWS = ATTRIBUTES.view.choices;

export class DdpmCanvas extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = Object.keys(ATTRIBUTES);

  #root;
  #session;
  #status;
  #timeline;
  #file = null;
  #applying = false;
  #near;
  #error = null;

  connectedCallback() {
    this.#root ??= this.#build();
    // A canvas keeps its first GPU context, so each session gets a new one.
    const canvas = this.#part(".frame > canvas").cloneNode();
    this.#part(".frame > canvas").replaceWith(canvas);
    canvas.addEventListener("click", () => this.#toggle());
    this.#session = new Session(canvas, (type, detail) => this.#tell(type, detail));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.autoplay && !still) this.#session.play();
    this.#show();
    if (this.loading === "lazy") this.#waitUntilNear();
    else this.#apply();
  }

  disconnectedCallback() {
    this.#near?.disconnect();
    this.#session?.close();
    this.#session = undefined;
  }

  attributeChangedCallback(name) {
    if (name === "model") this.#file = null;
    if (this.#session && !this.#near) this.#apply();
  }

  play() {
    this.#session?.play();
  }

  pause() {
    this.#session?.pause();
  }

  /** One reverse step; pauses. Resolves when it is under way. */
  async step() {
    await this.#session?.step();
  }

  /** Starts over from the noise of the `seed` attribute. */
  restart() {
    this.#session?.restart();
  }

  /** To the nearest kept frame at or before timestep `t` (-1: the finished picture); goes on from there if it was playing. */
  async seek(t) {
    await this.#session?.seek(t);
  }

  /** The pictures, as a PNG enlarged by a whole factor. */
  async toBlob() {
    const { rgba, width, height } = await this.#session.picture();
    return pngBlob(rgba, width, height);
  }

  /** The kept frames, as an animated GIF. */
  async film() {
    return new Blob([await this.#session.film()], { type: "image/gif" });
  }

  /** x_t as [N, C, H, W] f32, from -1 to 1. */
  async values() {
    return this.#session.values();
  }

  /** Plays a model from a File; setting `model` again returns to an address. */
  open(file) {
    this.#file = file;
    this.#apply();
  }

  /** "idle" | "loading" | "paused" | "playing" | "complete" | "error" */
  get state() {
    return this.#session?.state ?? "idle";
  }

  /** What the last `step` event said: t, stepsDone, stepsTotal, stepsPerSecond, kept. */
  get progress() {
    return this.#session?.progress;
  }

  /** The model's facts, or null before `load`. */
  get info() {
    return this.#session?.info ?? null;
  }

  get adapter() {
    return this.#session?.adapter ?? "";
  }

  /** The opened File, or null where the model came from the `model` attribute. */
  get file() {
    return this.#file;
  }

  /** The timestep at which another seed took over, or null. */
  get branchedAt() {
    return this.#session?.branchedAt ?? null;
  }

  /** The last error, a `{type, message}`, while state is "error". */
  get error() {
    return this.state === "error" ? this.#error : null;
  }

  /** Acts on a keyboard shortcut; true if there is one. Pages may pass on keys that nothing else wanted. */
  shortcut(key) {
    const actions = {
      " ": () => this.#toggle(),
      k: () => this.#toggle(),
      ".": () => this.step(),
      r: () => this.restart(),
      v: () => (this.view = VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length]),
      ArrowLeft: () => this.#seekNeighbour(key),
      ArrowRight: () => this.#seekNeighbour(key),
    };
    actions[key]?.();
    return key in actions;
  }

  #build() {
    const root = (this.#root = attachShadowTree(this));
    this.#status = new Status(root);
    this.#timeline = new Timeline(root, {
      onSeek: (index) => this.#session?.seekIndex(index),
      onScrub: (scrubbing) => this.#session && (this.#session.scrubbing = scrubbing),
    });
    root.querySelector(".play").addEventListener("click", () => this.#toggle());
    root.querySelector(".step").addEventListener("click", () => this.step());
    root.querySelector(".restart").addEventListener("click", () => this.restart());
    root.querySelector(".error button").addEventListener("click", () => this.play());
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.matches("button") && event.key === " ") return;
      if (event.defaultPrevented || !this.shortcut(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.#acceptDrops();
    return root;
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }

  /** Passes the attributes on, once for all that change together. */
  #apply() {
    if (this.#applying) return;
    this.#applying = true;
    queueMicrotask(() => {
      this.#applying = false;
      if (!this.#session) return;
      const values = readAttributes(this);
      const address = values.model && new URL(values.model, document.baseURI).href;
      this.#show();
      this.#session.apply({ ...values, source: this.#file ?? address });
    });
  }

  #waitUntilNear() {
    this.#near = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.#near.disconnect();
        this.#near = undefined;
        this.#apply();
      },
      { rootMargin: LAZY_MARGIN },
    );
    this.#near.observe(this);
  }

  #toggle() {
    if (this.state === "playing") this.pause();
    else this.play();
  }

  #seekNeighbour(key) {
    const index = this.#timeline.neighbour(key);
    if (index !== undefined) this.#session?.seekIndex(index);
  }

  /** Everything the session says: shown here, then told as an event. */
  #tell(type, detail) {
    if (type === "progress") this.#status.showProgress(detail);
    if (type === "statechange") this.#status.showState(detail.state);
    if (type === "error") {
      this.#error = detail;
      this.#status.showError(detail, this.poster);
    }
    this.#show();
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Brings the shadow tree up to date with the attributes and the session. */
  #show() {
    const { state, progress, info } = this.#session;
    const { controls, count, alt } = readAttributes(this);
    const columns = Math.ceil(Math.sqrt(count));
    const [width, height] = info ? [info.width, info.height] : [1, 1];
    this.#part(".frame").style.aspectRatio = `${columns * width} / ${Math.ceil(count / columns) * height}`;
    this.#part(".frame > canvas").setAttribute("aria-label", alt || describe(count, info));

    const playing = state === "playing";
    const play = this.#part(".play");
    play.classList.toggle("playing", playing);
    const label = playing ? "Pause" : state === "complete" ? "Play again" : "Play";
    if (play.ariaLabel !== label) {
      play.ariaLabel = label;
      play.title = `${label} (space)`;
    }
    const usable = ["paused", "playing", "complete"].includes(state);
    for (const button of this.#root.querySelectorAll(".buttons button")) button.disabled = !usable;
    this.#part(".step").disabled = !usable || state === "complete";
    this.#part(".controls").hidden = !controls || this.#error?.type === "no-webgpu";

    const left = progress.t + 1;
    const unit = left === 1 ? "step of noise" : "steps of noise";
    this.#part(".readout").classList.toggle("empty", progress.stepsTotal === 0);
    this.#part(".number").textContent = left;
    this.#part(".unit").textContent = unit;
    this.#timeline.update(progress, `${left} ${unit}`);
  }

  #acceptDrops() {
    const shade = this.#part(".drop");
    const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
    this.addEventListener("dragover", (event) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      shade.hidden = false;
    });
    this.addEventListener("dragleave", () => (shade.hidden = true));
    this.addEventListener("drop", (event) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      shade.hidden = true;
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }
}

function describe(count, info) {
  const pictures = count === 1 ? "One picture" : `${count} pictures`;
  return `${pictures} being made from noise${info?.name ? ` by ${info.name}` : ""}`;
}

reflectAttributes(DdpmCanvas.prototype);
if (globalThis.customElements && !customElements.get("ddpm-canvas")) customElements.define("ddpm-canvas", DdpmCanvas);
