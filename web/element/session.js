/**
 * One chain on one canvas: brings the wasm `Player` to what the attributes ask for, and plays it in its turn.
 *
 * Attributes are wishes (`apply`); `#settle` is the only place that opens, loads and starts, one step at a time, until
 * nothing differs. The player is never called while one of its promises is pending (`#exclusively`). A lost device, or one
 * without memory for so many pictures, is one more thing that differs.
 */

import { ATTRIBUTES } from "./attributes.js";
import { chainOf, startOf, stepsOf } from "./chain.js";
import { acquire, fault, inTurn, poll, release } from "./device.js";
import { DdpmError, toDdpmError } from "./errors.js";
import { readModel } from "./model/source.js";
import { dequeue, enqueue } from "./queue.js";
import { onPanic, runtime } from "./runtime.js";

/** Errors after which the same player can go on with other wishes. */
const SURVIVABLE = ["load", "input", "limits", "out-of-memory", "self-test"];
/** Errors that fewer pictures may mend. */
const TOO_MUCH = ["limits", "out-of-memory"];
/** So many devices may be lost one after the other without a step between them. */
const MOST_LOSSES = 3;
/** How long the finished pictures stay before `loop` starts over, in milliseconds. */
const LOOP_PAUSE = 2500;
/** The list of kept frames is read this often while playing, in milliseconds. */
const KEPT_INTERVAL = 250;

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

  #renewCanvas;
  #notify;
  #gpu;
  #player;
  #wish = { source: "" };
  #loaded;
  #chain;
  #firstSeed;
  #seed;
  #view;
  #speed;
  #most = Infinity;
  /** Steps done where the chain began. */
  #begins = 0;
  #resumes = false;
  #losses = 0;
  #wantsPlay = false;
  #visible = true;
  #settling = false;
  #scrubbing = false;
  #pending;
  #download;
  #loopTimer = 0;
  #keptAt = 0;
  #closed = false;
  #stopListening;

  /**
   * @param {() => HTMLCanvasElement} renewCanvas makes the canvas anew: one keeps its first context, and so its first device
   * @param {(type: string, detail?: object) => void} notify progress, load, step, complete, error, statechange
   */
  constructor(renewCanvas, notify) {
    this.#renewCanvas = renewCanvas;
    this.#notify = notify;
    this.#stopListening = onPanic((error) => this.#fail(error));
  }

  /**
   * New wishes: the attributes' values; `source`, a File or an absolute address ("" for none); and where the chain is not to begin
   * with noise alone, `from`, `{x, t, number}`: x_t as f32, [N, C, H, W] or one for all, and what tells it from others.
   */
  apply(wish) {
    if (this.#wish.source !== wish.source) this.#download?.abort();
    if (this.#wish.source !== wish.source || this.#wish.count !== wish.count) this.#most = Infinity;
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

  /** Whether anybody can see it; nothing is computed otherwise. */
  set visible(value) {
    this.#visible = value;
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

  /** What is shown now: `{values, view}`, [N, C, H, W]. */
  shown() {
    return this.#exclusively((player) => this.#frame(player, player.steps_done()));
  }

  /** Calls `take({values, view, last})` with each kept frame. */
  eachFrame(take) {
    return this.#exclusively(async (player) => {
      const kept = player.kept();
      for (const at of kept) take({ ...(await this.#frame(player, at, at)), last: at === kept.at(-1) });
    });
  }

  /** After `at` steps: before the first there is no prediction yet, but x_t itself. */
  async #frame(player, at, kept) {
    const view = at <= this.#begins ? "x_t" : this.#view;
    return { values: await player.values(view, kept), view };
  }

  /** x_t, or what another view shows, [N, C, H, W] f32. */
  values(view = "x_t") {
    return this.#exclusively((player) => player.values(view));
  }

  /** x_t, the predicted x_0 and the predicted noise at once. */
  views() {
    return this.#exclusively((player) => Promise.all(ATTRIBUTES.view.choices.map((view) => player.values(view))));
  }

  /** The next step's factors of x̂_0, x_t and ε̂, and σ; see `Player.coefficients`. */
  coefficients() {
    return this.#exclusively((player) => player.coefficients());
  }

  /** True once a chain is there to be played, stepped and read. */
  get ready() {
    return Boolean(this.#gpu && this.#player && this.#chain) && this.state !== "error";
  }

  close() {
    this.#closed = true;
    this.#stopListening();
    this.#download?.abort();
    this.#drop();
  }

  /** A turn of the queue, which `sharing` sessions have; whether work was submitted. */
  tick(now, sharing) {
    if (this.#pending || this.#scrubbing) return false;
    try {
      const submitted = this.#player.tick(now, sharing) > 0;
      if (submitted) this.#losses = 0;
      if (poll()) return submitted;
      const complete = this.#player.t() < 0;
      this.#publish(complete);
      if (complete) this.#rest();
      return submitted;
    } catch (thrown) {
      this.#fail(thrown);
      return false;
    }
  }

  /** What befell the device `gpu`: it is lost, and another is asked for; or it is out of memory. */
  onFault(error, gpu) {
    if (this.#closed || this.#gpu !== gpu || this.state === "error") return;
    if (error.type === "device-lost") this.#goOnElsewhere(error);
    else if (!this.#shrink(error)) this.#fail(error);
    else this.restart();
  }

  #goOnElsewhere(error) {
    dequeue(this);
    this.#gpu = undefined;
    this.#resumes ||= Boolean(this.#chain);
    if (++this.#losses > MOST_LOSSES) {
      this.#fail(error);
      return;
    }
    this.#become("loading");
    this.#notify("error", { type: error.type, message: `${error.message}; it goes on with a new device`, recovered: true });
    this.#settle();
  }

  /** Makes do with fewer pictures, and says so; false if there was but one, or another mistake. */
  #shrink({ type, message }) {
    const count = Math.min(this.#wish.count, this.#most);
    if (!TOO_MUCH.includes(type) || count < 2) return false;
    this.#most = count >> 1;
    const fewer = this.#most === 1 ? "one picture is" : `${this.#most} pictures are`;
    this.#notify("error", { type, message: `${message}; ${fewer} made instead`, recovered: true });
    return true;
  }

  /** Opens, loads, starts and adjusts until the player is what is wished for; after what else is asked in this task. */
  async #settle() {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    clearTimeout(this.#loopTimer);
    await null;
    while (!this.#closed && this.#wish.source) {
      try {
        if (!(await this.#settleOne())) break;
      } catch (thrown) {
        if (!this.#fail(thrown)) break;
      }
    }
    this.#settling = false;
  }

  /** One thing that differs from the wish is put right; false when nothing was left. */
  async #settleOne() {
    const wish = this.#wish;
    if (this.#pending) {
      await this.#pending;
    } else if (this.#loaded !== wish.source) {
      await this.#load(wish);
    } else if (!this.#gpu) {
      await this.#open();
    } else if (this.#resumes || this.#chain !== chainOf(wish)) {
      await this.#start(wish);
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
    this.#chain = this.#loaded = undefined;
    this.#resumes = false;
    const download = (this.#download = new AbortController());
    const onProgress = (done, total) => this.#notify("progress", { phase: "model", done, total });
    try {
      // Without a device there is no use in a model.
      const opening = this.#gpu ? undefined : this.#open();
      const arriving = readModel(wish.source, { integrity: wish.integrity, onProgress, signal: download.signal });
      arriving.catch(() => {});
      await opening;
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

  /** A device, and a player on it: the one that was there, if its device was lost. */
  async #open() {
    const report = (phase, done, total) => this.#notify("progress", { phase, done, total });
    report("adapter", 0, 0);
    const gpu = await acquire(this);
    if (this.#closed) {
      release(this);
      throw new DdpmError("input", "The element was removed.");
    }
    const { Player } = await runtime();
    if (this.#player) this.#player.reopen(gpu, this.#renewCanvas());
    else this.#player = new Player(gpu, this.#renewCanvas(), report);
    this.#gpu = gpu;
    this.adapter = gpu.adapter();
  }

  async #start(wish) {
    this.#become("loading");
    const resumes = this.#resumes && this.#chain === chainOf(wish);
    const { sampler, eta, label, guidance, view, speed, from } = wish;
    const count = Math.min(wish.count, this.#most);
    const seed = resumes ? this.#firstSeed : wish.seed;
    const resume = resumes ? this.#seed : undefined;
    const x = from?.x && startOf(from.x, count, this.info);
    const steps = stepsOf(wish, this.info);
    const options = { count, seed, sampler, steps, eta, label, guidance, view, speed, x, t: from?.t, resume };
    this.#resumes = false;
    this.#chain = undefined;
    try {
      await inTurn(() => this.#exclusively((player) => player.start(options)));
    } catch (thrown) {
      const error = toDdpmError(thrown);
      if (!this.#shrink(error)) throw error;
      return;
    }
    this.#chain = chainOf(wish);
    this.#seed = resume ?? seed;
    this.#begins = resumes ? this.#begins : this.#player.steps_done();
    // A branched chain that could not be resumed is the new seed's own.
    const began = this.#player.steps_done() === this.#begins;
    this.#firstSeed = began ? this.#seed : seed;
    this.#view = view;
    this.#speed = speed;
    if (!resumes || began) this.branchedAt = null;
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
    if (stepsDone <= this.#begins || stepsDone >= stepsTotal) return true;
    this.#player.reseed((this.#seed = wish.seed));
    this.branchedAt = t;
    return false;
  }

  /** Playing, paused or complete, as the wish and the chain say. */
  #rest() {
    if (!this.ready) return;
    const { stepsDone, stepsTotal } = this.progress;
    const next = stepsDone >= stepsTotal ? "complete" : this.#wantsPlay ? "playing" : "paused";
    if (next === "playing" && this.#visible) enqueue(this);
    else dequeue(this);
    const completes = next === "complete" && this.state !== "complete";
    this.#become(next);
    if (!completes) return;
    this.#notify("complete");
    if (this.#wish.loop && this.#wantsPlay) this.#loopTimer = setTimeout(() => this.restart(), LOOP_PAUSE);
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

  /** Takes up an error; true if it is one that `#settle` mends. */
  #fail(thrown) {
    if (this.#closed || this.state === "error") return false;
    const error = toDdpmError(thrown);
    if (error.type === "device-lost" && this.#losses <= MOST_LOSSES) {
      // This session may be the first to notice.
      if (this.#gpu) fault(error, this.#gpu);
      return this.state !== "error";
    }
    this.#chain = undefined;
    this.#resumes = false;
    this.#losses = 0;
    dequeue(this);
    if (!SURVIVABLE.includes(error.type)) this.#drop();
    this.#become("error");
    this.#notify("error", { type: error.type, message: error.message, recovered: false });
    return false;
  }

  #drop() {
    dequeue(this);
    clearTimeout(this.#loopTimer);
    const player = this.#player;
    this.#player = this.#gpu = this.#loaded = this.#chain = this.#pending = undefined;
    release(this);
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

const ignore = () => {};
