/**
 * `<ddpm-canvas model="…">`: watches noise turn into pictures. A diffusion model's whole reverse chain, computed live with
 * WebGPU on a canvas. This file owns the DOM; `element/session.js` owns the chain, and is fetched when the first is wanted.
 *
 * Attributes: see `element/attributes.js`; each is a property too. Methods: `play() pause() step() restart() seek(t) toBlob()`,
 * and `film()`, `values()`, `denoise(x, t)`, `open(file)`. Events, with their `detail`: `progress {phase, done, total}`, `load` (the model's facts),
 * `step {t, stepsDone, stepsTotal, stepsPerSecond, kept}`, `complete`, `error {type, message, recovered}`, `statechange {state}`.
 */

import { ATTRIBUTES, readAttributes, reflectAttributes } from "./element/attributes.js";
import { settings } from "./element/settings.js";
import { attachShadowTree } from "./element/shadow.js";
import { Status } from "./element/status.js";
import { Timeline } from "./element/timeline.js";

/** How near to the viewport `loading="lazy"` begins. */
const LAZY_MARGIN = "300px";
const VIEWS = ATTRIBUTES.view.choices;
/** States in which there is a chain. */
const USABLE = ["paused", "playing", "complete"];
const NOTHING_DONE = { t: -1, stepsDone: 0, stepsTotal: 0, stepsPerSecond: 0, kept: [] };

// There is no HTMLElement where a page is rendered on a server.
export class DdpmCanvas extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = Object.keys(ATTRIBUTES);
  static settings = settings;

  #root;
  #internals;
  /** What is fetched when something is wanted: `element/lazy.js`. */
  #lazy;
  /** Resolves to the session once it is there; undefined until something is wanted of it. */
  #activation;
  #session;
  #observers = [];
  #status;
  #timeline;
  #file = null;
  #from;
  #starts = 0;
  #applying = false;
  #wanted = false;
  #wantsPlay = false;
  #visible = true;
  #error = null;

  connectedCallback() {
    // A move within the page is no reason to begin anew.
    if (this.#observers.length > 0) return;
    this.#root ??= this.#build();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#wantsPlay = this.autoplay && !still;
    this.#error = null;
    this.#showState("idle");
    this.#observe("0px", (visible) => {
      this.#visible = visible;
      if (this.#session) this.#session.visible = visible;
    });
    if (this.loading === "lazy") this.#observe(LAZY_MARGIN, (near) => near && this.#activate());
    if (this.loading === "eager") this.#activate();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      for (const observer of this.#observers.splice(0)) observer.disconnect();
      this.#session?.close();
      this.#session = this.#activation = undefined;
      this.#wanted = false;
    });
  }

  attributeChangedCallback(name) {
    if (name === "model") this.#file = this.#from = null;
    if (!this.#root || this.#applying) return;
    this.#applying = true;
    // Once for all that change together.
    queueMicrotask(() => {
      this.#applying = false;
      if (this.#wanted) this.#activate();
      this.#apply();
    });
  }

  play() {
    this.#wantsPlay = true;
    this.#session?.play();
    this.#activate();
  }

  pause() {
    this.#wantsPlay = false;
    this.#session?.pause();
  }

  /** One reverse step; pauses. Resolves when it is under way. */
  async step() {
    await (await this.#activate())?.step();
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
    const session = await this.#needed();
    const { pngBlob } = await import("./element/picture.js");
    return pngBlob(await session.shown(), session.info);
  }

  /** The kept frames, as an animated GIF. */
  async film() {
    const session = await this.#needed();
    return (await import("./element/film.js")).filmOf(session);
  }

  /** x_t, or what another `view` shows, as [N, C, H, W] f32; pictures are from -1 to 1. */
  async values(view) {
    return (await this.#needed()).values(view);
  }

  /**
   * From now on the chain begins with these pictures, at its last step of at most `t` + 1 steps of noise, rather than with noise
   * alone; null: with noise again. The same x and different noise lead to different pictures, unless `eta` is 0.
   * @param {Float32Array | null} x x_t as [count, C, H, W], or one picture for all
   */
  denoise(x, t) {
    this.#from = x && { x, t, number: (this.#starts += 1) };
    this.#apply();
  }

  /** Plays a model from a File; setting `model` again returns to an address. */
  open(file) {
    this.#file = file;
    this.#from = null;
    this.#activate();
    this.#apply();
  }

  /** "idle" | "loading" | "paused" | "playing" | "complete" | "error" */
  get state() {
    return this.#session?.state ?? (this.#error ? "error" : this.#activation ? "loading" : "idle");
  }

  /** What the last `step` event said: t, stepsDone, stepsTotal, stepsPerSecond, kept. */
  get progress() {
    return this.#session?.progress ?? NOTHING_DONE;
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
    this.#internals = this.attachInternals();
    this.#internals.role = "group";
    this.#status = new Status(root);
    this.#timeline = new Timeline(root, {
      onSeek: (index) => this.#session?.seekIndex(index),
      onScrub: (scrubbing) => this.#session && (this.#session.scrubbing = scrubbing),
    });
    const onClick = (selector, act) => this.#part(selector).addEventListener("click", act);
    onClick(".frame > canvas", () => this.#toggle());
    onClick(".start", () => this.#toggle());
    onClick(".play", () => this.#toggle());
    onClick(".step", () => this.step());
    onClick(".restart", () => this.restart());
    onClick(".error button", () => this.play());
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

  #observe(rootMargin, act) {
    const observer = new IntersectionObserver((entries) => act(entries.at(-1).isIntersecting), { rootMargin });
    observer.observe(this);
    this.#observers.push(observer);
  }

  /**
   * The session: fetches what it is made of, and begins, once there is a model to begin with. Undefined without one, and if it
   * cannot be fetched, which is told.
   */
  #activate() {
    this.#wanted = true;
    if (!this.isConnected || !(this.model || this.#file)) return Promise.resolve(undefined);
    return (this.#activation ??= this.#begin());
  }

  async #needed() {
    const session = await this.#activate();
    if (!session) throw new Error("No model is loaded yet.");
    return session;
  }

  async #begin() {
    try {
      this.#error = null;
      this.#tell("statechange", { state: "loading" });
      this.#lazy = await import("./element/lazy.js");
      if (!this.isConnected) return undefined;
      this.#session = new this.#lazy.Session(() => this.#renewCanvas(), (type, detail) => this.#tell(type, detail));
      this.#session.state = "loading";
      this.#session.visible = this.#visible;
      if (this.#wantsPlay) this.#session.play();
      this.#apply();
      return this.#session;
    } catch (thrown) {
      this.#session = this.#activation = undefined;
      this.#error = { type: "load", message: `The element's script could not be loaded: ${thrown.message}`, recovered: false };
      this.#tell("statechange", { state: "error" });
      this.#tell("error", this.#error);
      return undefined;
    }
  }

  /** A canvas keeps its first GPU context, so each device gets a new one. */
  #renewCanvas() {
    const old = this.#part(".frame > canvas");
    const canvas = old.cloneNode();
    canvas.addEventListener("click", () => this.#toggle());
    old.replaceWith(canvas);
    return canvas;
  }

  /** Passes the attributes on. */
  #apply() {
    this.#show();
    const values = readAttributes(this);
    this.#session?.apply({ ...values, from: this.#from, source: this.#file ?? (values.model && this.#lazy.addressOf(values.model)) });
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
    if (type === "progress") {
      this.#status.showProgress(detail);
      // By then the noise is drawn.
      if (detail.phase === "kernels" || detail.phase === "self-test") this.#part(".facade").hidden = true;
    }
    if (type === "statechange") this.#showState(detail.state);
    if (type === "load") this.#status.say("The model is loaded.");
    if (type === "error" && detail.recovered) this.#status.showNotice(detail.message);
    if (type === "error" && !detail.recovered) {
      this.#error = detail;
      this.#status.showError(detail, this.recording, this.poster !== "" || this.querySelector("[slot=poster]") !== null);
    }
    this.#show();
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #showState(state) {
    this.#status.showState(state);
    if (state === "idle") this.#part(".facade").hidden = false;
    if (USABLE.includes(state)) this.#part(".facade").hidden = true;
    this.#show();
  }

  /** Brings the shadow tree up to date with the attributes and the session. */
  #show() {
    const { state, progress, info } = this;
    const { controls, count, alt, poster } = readAttributes(this);
    const columns = columnsOf(count);
    this.#part(".frame").style.setProperty("--grid", `${columns} / ${Math.ceil(count / columns)}`);
    const name = alt || describe(count, info);
    this.#part(".frame > canvas").setAttribute("aria-label", name);
    this.#internals.ariaLabel = name;
    const picture = this.#part(".poster");
    picture.hidden = poster === "";
    if (poster && picture.getAttribute("src") !== poster) picture.src = poster;

    const playing = state === "playing";
    const usable = USABLE.includes(state);
    const label = playing ? "Pause" : state === "complete" ? "Play again" : "Play";
    for (const button of this.#root.querySelectorAll(".play, .start")) {
      button.classList.toggle("playing", playing);
      if (button.ariaLabel === label) continue;
      button.ariaLabel = label;
      button.title = `${label} (space)`;
    }
    this.#part(".start").hidden = state === "loading" || state === "error" || (controls && state !== "idle");
    for (const button of this.#root.querySelectorAll(".buttons button")) button.disabled = !usable;
    this.#part(".play").disabled = !usable && state !== "idle";
    this.#part(".step").disabled = (!usable && state !== "idle") || state === "complete";
    this.#part(".controls").hidden = !controls;
    // Its place stays, so that nothing on the page moves.
    this.#part(".stage").classList.toggle("controlled", controls);
    this.#part(".controls").classList.toggle("unusable", this.error?.type === "no-webgpu");

    const left = progress.t + 1;
    const unit = left === 1 ? "step of noise" : "steps of noise";
    this.#part(".readout").classList.toggle("empty", progress.stepsTotal === 0);
    this.#part(".number").textContent = left;
    this.#part(".unit").textContent = unit;
    this.#timeline.update(progress, playing ? null : `${left} ${unit}`);
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

/** Columns of a grid of `count` pictures: as square as it can be. */
function columnsOf(count) {
  return Math.ceil(Math.sqrt(count));
}

function describe(count, info) {
  const pictures = count === 1 ? "One picture" : `${count} pictures`;
  return `${pictures} being made from noise${info?.name ? ` by ${info.name}` : ""}`;
}

reflectAttributes(DdpmCanvas.prototype);
if (globalThis.customElements && !customElements.get("ddpm-canvas")) customElements.define("ddpm-canvas", DdpmCanvas);
