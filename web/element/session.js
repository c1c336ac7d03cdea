/**
 * One chain on one canvas: brings the wasm `Player` to what the attributes ask for, and runs its frame loop.
 *
 * Attributes are wishes (`apply`); `#settle` is the only place that opens, loads and starts, one step at a time, until
 * nothing differs. The player is never called while one of its promises is pending (`#exclusively`).
 */

import { DdpmError, requireWebGpu, toDdpmError } from "./errors.js";
import { onPanic, runtime } from "./runtime.js";
import { readWeights } from "./weights.js";

/** Errors after which the same player can go on with other wishes. */
const SURVIVABLE = ["load", "input", "limits"];
/** How long the finished pictures stay before `loop` starts over, in milliseconds. */
const LOOP_PAUSE = 2500;
/** The list of kept frames is read this often while playing, in milliseconds. */
const KEPT_INTERVAL = 250;
/** Steps of a DDIM chain when the attribute does not say. */
const DDIM_STEPS = 50;

export class Session {
  /** "idle" | "loading" | "paused" | "playing" | "complete" | "error" */
  state = "idle";
  /** What `load` told: name, parameters, width, height, channels, class_names, null_class, num_timesteps, card. */
  info = null;
  adapter = "";
  /** Where the chain stands; see `#publish`. */
  progress = { t: -1, stepsDone: 0, stepsTotal: 0, stepsPerSecond: 0, kept: [] };
  /** `t` at which another seed took over, or null. */
  branchedAt = null;

  #canvas;
  #notify;
  #player;
  #wish = { source: "" };
  #loaded;
  #chain;
  #seed;
  #view;
  #speed;
  #wantsPlay = false;
  #settling = false;
  #scrubbing = false;
  #pending;
  #download;
  #frameRequest = 0;
  #watch = 0;
  #loopTimer = 0;
  #keptAt = 0;
  #closed = false;
  #stopListening;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(type: string, detail?: object) => void} notify progress, load, step, complete, error, statechange
   */
  constructor(canvas, notify) {
    this.#canvas = canvas;
    this.#notify = notify;
    this.#stopListening = onPanic((error) => this.#fail(error));
    this.#watch = setInterval(() => this.#poll(), 1000);
  }

  /** New wishes: the attributes' values, and `source`, a File or an absolute address ("" for none). */
  apply(wish) {
    if (this.#wish.source !== wish.source) this.#download?.abort();
    this.#wish = wish;
    this.#settle();
  }

  /** Starts the chain over from its noise, with the seed that is wished for now. */
  restart() {
    this.#chain = undefined;
    this.#settle();
  }

  play() {
    this.#wantsPlay = true;
    if (this.state === "complete") this.restart();
    else if (this.state === "error") this.#settle();
    else this.#rest();
  }

  pause() {
    this.#wantsPlay = false;
    this.#rest();
  }

  /** One reverse step. */
  async step() {
    this.pause();
    if (!this.ready || this.state === "complete") return;
    await this.#exclusively((player) => player.step());
    this.#publish(true);
    this.#rest();
  }

  /** To the nearest kept frame at or before `index` steps done; goes on from there if it was playing, not if complete. */
  async seekIndex(index) {
    if (!this.ready) return;
    clearTimeout(this.#loopTimer);
    if (this.state === "complete") this.#wantsPlay = false;
    await this.#exclusively((player) => player.seek(Math.max(0, Math.min(index, this.progress.stepsTotal))));
    this.#publish(true);
    this.#rest();
  }

  /** The same by timestep: t of the next step, -1 for the finished picture. */
  seek(t) {
    const total = this.progress.stepsTotal;
    const spacing = Math.max(1, Math.floor((this.info?.num_timesteps ?? total) / total));
    return this.seekIndex(t < 0 ? total : total - 1 - Math.round(t / spacing));
  }

  /** While a finger is on the timeline nothing is computed. */
  set scrubbing(value) {
    this.#scrubbing = value;
  }

  /** The grid: `{rgba, width, height}`. */
  async picture() {
    return this.#exclusively(async (player) => {
      const rgba = await player.picture();
      const width = player.columns() * this.info.width;
      return { rgba, width, height: rgba.length / 4 / width };
    });
  }

  /** The kept frames as an animated GIF's bytes. */
  film() {
    return this.#exclusively((player) => player.film());
  }

  /** x_t, [N, C, H, W] f32. */
  values() {
    return this.#exclusively((player) => player.state());
  }

  /** True once a chain is there to be played, stepped and read. */
  get ready() {
    return Boolean(this.#player && this.#chain) && this.state !== "error";
  }

  close() {
    this.#closed = true;
    this.#stopListening();
    this.#download?.abort();
    clearInterval(this.#watch);
    this.#drop();
  }

  /** Opens, loads, starts and adjusts until the player is what is wished for; after what else is asked in this task. */
  async #settle() {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    clearTimeout(this.#loopTimer);
    await null;
    try {
      while (!this.#closed && this.#wish.source && (await this.#settleOne()));
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#settling = false;
  }

  /** One thing that differs from the wish is put right; false when nothing was left. */
  async #settleOne() {
    const wish = this.#wish;
    if (!this.#player || this.#loaded !== wish.source) {
      await this.#load(wish);
    } else if (this.#chain !== chainOf(wish)) {
      await this.#start(wish);
    } else if (this.#pending) {
      await this.#pending;
    } else if (this.#adjust(wish)) {
      this.#chain = undefined;
    } else {
      this.#rest();
      return false;
    }
    return true;
  }

  async #load(wish) {
    this.#become("loading");
    requireWebGpu();
    this.#chain = this.#loaded = undefined;
    const download = (this.#download = new AbortController());
    const onBytes = (done, total) => this.#notify("progress", { phase: "model", done, total });
    const arriving = readWeights(wish.source, onBytes, download.signal);
    arriving.catch(() => {});
    try {
      this.#player ??= await this.#open();
      const bytes = await arriving;
      if (this.#wish.source !== wish.source) return;
      this.info = await this.#exclusively((player) => player.load(bytes));
      this.#loaded = wish.source;
      this.#notify("load", this.info);
    } catch (thrown) {
      const outdated = download.signal.aborted && thrown.name === "AbortError";
      download.abort();
      if (!outdated) throw thrown;
    }
  }

  async #open() {
    const { Player } = await runtime();
    const report = (phase, done, total) => this.#notify("progress", { phase, done, total });
    const player = await Player.create(this.#canvas, report);
    if (this.#closed) {
      player.free();
      throw new DdpmError("input", "The element was removed.");
    }
    this.adapter = player.adapter();
    return player;
  }

  async #start(wish) {
    this.#become("loading");
    const { count, seed, sampler, eta, label, guidance, view, speed } = wish;
    const most = this.info.num_timesteps;
    const steps = Math.min(most, wish.steps ?? (sampler === "ddim" ? DDIM_STEPS : most));
    const options = { count, seed, sampler, steps, eta, label, guidance, view, speed };
    await this.#exclusively((player) => player.start(options));
    this.#chain = chainOf(wish);
    this.#seed = seed;
    this.#view = view;
    this.#speed = speed;
    this.branchedAt = null;
    this.#publish(true);
  }

  /**
   * What changes without starting over. A new seed half-way is another future of the same x_t; at either end there is
   * nothing to branch from: true, start over.
   */
  #adjust(wish) {
    if (this.#view !== wish.view) this.#player.set_view((this.#view = wish.view));
    if (this.#speed !== wish.speed) this.#player.set_speed((this.#speed = wish.speed));
    if (this.#seed === wish.seed) return false;
    const { t, stepsDone, stepsTotal } = this.progress;
    if (stepsDone === 0 || stepsDone >= stepsTotal) return true;
    this.#player.reseed((this.#seed = wish.seed));
    this.branchedAt = t;
    return false;
  }

  /** Playing, paused or complete, as the wish and the chain say. */
  #rest() {
    if (!this.ready) return;
    const { stepsDone, stepsTotal } = this.progress;
    const next = stepsDone >= stepsTotal ? "complete" : this.#wantsPlay ? "playing" : "paused";
    cancelAnimationFrame(this.#frameRequest);
    if (next === "playing") this.#frameRequest = requestAnimationFrame(this.#frame);
    const completes = next === "complete" && this.state !== "complete";
    this.#become(next);
    if (!completes) return;
    this.#notify("complete");
    if (this.#wish.loop && this.#wantsPlay) this.#loopTimer = setTimeout(() => this.restart(), LOOP_PAUSE);
  }

  #frame = (now) => {
    if (this.state !== "playing") return;
    this.#frameRequest = requestAnimationFrame(this.#frame);
    if (this.#pending || this.#scrubbing) return;
    try {
      const complete = this.#player.tick(now);
      if (this.#poll()) return;
      this.#publish(complete);
      if (complete) this.#rest();
    } catch (thrown) {
      this.#fail(thrown);
    }
  };

  /** Takes up an error that arrived between calls; true if there was one. */
  #poll() {
    if (!this.#player || this.#pending) return false;
    const error = this.#player.error();
    if (!error) return false;
    this.#fail(error);
    return true;
  }

  /** Reads where the chain stands and tells it if it moved. */
  #publish(withKept) {
    const player = this.#player;
    const stepsDone = player.steps_done();
    if (stepsDone === this.progress.stepsDone && !withKept) return;
    const stale = withKept || performance.now() - this.#keptAt > KEPT_INTERVAL;
    if (stale) this.#keptAt = performance.now();
    this.progress = {
      t: player.t(),
      stepsDone,
      stepsTotal: player.steps_total(),
      stepsPerSecond: player.steps_per_second(),
      kept: stale ? player.kept() : this.progress.kept,
    };
    this.#notify("step", this.progress);
  }

  /** Runs `work(player)` once no promise of the player is pending; a promise it returns keeps others waiting. */
  async #exclusively(work) {
    while (this.#pending) await this.#pending;
    if (!this.#player) throw new DdpmError("input", "No model is loaded yet.");
    try {
      const result = work(this.#player);
      if (!(result instanceof Promise)) return result;
      this.#pending = result.then(ignore, ignore).then(() => (this.#pending = undefined));
      return await result;
    } catch (thrown) {
      const error = toDdpmError(thrown);
      if (!SURVIVABLE.includes(error.type)) this.#fail(error);
      throw error;
    }
  }

  #fail(thrown) {
    if (this.#closed || this.state === "error") return;
    const error = toDdpmError(thrown);
    this.#chain = undefined;
    if (!SURVIVABLE.includes(error.type)) this.#drop();
    this.#become("error");
    this.#notify("error", { type: error.type, message: error.message });
  }

  #drop() {
    cancelAnimationFrame(this.#frameRequest);
    clearTimeout(this.#loopTimer);
    const player = this.#player;
    this.#player = this.#loaded = this.#chain = this.#pending = undefined;
    try {
      player?.free();
    } catch {
      // A player that panicked, or whose promise is pending, cannot be freed; it goes with the page.
    }
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#notify("statechange", { state });
  }
}

/** What a chain is made of: when this text changes, the chain starts over. */
function chainOf({ count, sampler, steps, eta, label, guidance }) {
  return JSON.stringify([count, sampler, steps, eta, label, guidance]);
}

const ignore = () => {};
