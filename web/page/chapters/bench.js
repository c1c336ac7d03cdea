/**
 * A chain for a chapter that draws by itself: the page's device, queue and model, without an element. It rests out of sight, as
 * elements do; what it is doing, and what went wrong, is said in the chapter's status line.
 */

import { ATTRIBUTES } from "../../element/attributes.js";
import { PHASES, wordsFor } from "../../element/words.js";

/** Every setting a session asks for, where nobody says. */
const DEFAULTS = Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, { fallback }]) => [name, fallback]));

const ignore = () => {};

export class Bench {
  #element;
  #status;
  #session;
  #starts = 0;
  #visible = true;
  #waiting = ignore;
  /** What hears of steps. */
  #onStep = ignore;
  /** What is waited for: `{states, resolve, reject}`. */
  #outcome;

  /**
   * @param {HTMLElement} lab what has to be in sight; its `.said` is the status line
   * @param {import("../../ddpm-canvas.js").DdpmCanvas} element the chain, whose model it uses
   */
  constructor(lab, element) {
    this.#element = element;
    this.#status = lab.querySelector(".said");
    new IntersectionObserver((entries) => {
      this.#visible = entries.at(-1).isIntersecting;
      if (this.#session) this.#session.visible = this.#visible;
      this.#waiting();
    }).observe(lab);
    document.addEventListener("visibilitychange", () => this.#waiting());
  }

  /** The model's facts. */
  get info() {
    return this.#session.info;
  }

  /** Resolves when the lab is in sight, in a tab that is too. */
  async inSight() {
    while (!this.#visible || document.hidden) await new Promise((resolve) => (this.#waiting = resolve));
  }

  /** In the status line; `aloud` to screen readers too, which is for what does not change again at once. */
  say(words, aloud = false) {
    this.#status.textContent = words;
    if (aloud) document.querySelector("#said").textContent = words;
  }

  /**
   * Begins a chain of the element's model, and its label, if it has any, with these settings; resolves when it can be stepped.
   * @param {{x: Float32Array, t: number} | undefined} from where it does not begin with noise alone
   */
  async start(settings, from) {
    const { addressOf, Session } = await import("../../element/lazy.js");
    this.#session ??= new Session(() => document.createElement("canvas"), (type, detail) => this.#hear(type, detail));
    const session = this.#session;
    const { file, model, label, guidance } = this.#element;
    session.visible = this.#visible;
    session.pause();
    const number = (this.#starts += 1);
    await this.#settled(() =>
      session.apply({ ...DEFAULTS, label, guidance, ...settings, source: file ?? addressOf(model), from: { ...from, number } }),
    );
  }

  /** Plays to the end; `onStep(t)` hears of steps, and what it returns is waited for before the next is heard. */
  async play(onStep) {
    let busy = false;
    this.#onStep = async ({ t }) => {
      if (busy) return;
      busy = true;
      // What goes wrong befalls the chain too, and is told there.
      await onStep(t).catch(ignore);
      busy = false;
    };
    try {
      await this.#settled(() => this.#session.play(), ["complete"]);
    } finally {
      this.#onStep = ignore;
    }
  }

  pause() {
    this.#session?.pause();
  }

  resume() {
    this.#session?.play();
  }

  /** One step. */
  async step() {
    await this.inSight();
    await this.#session.step();
  }

  get progress() {
    return this.#session.progress;
  }

  /** As the session's, these three. */
  values() {
    return this.#session.values();
  }

  views() {
    return this.#session.views();
  }

  coefficients() {
    return this.#session.coefficients();
  }

  /** Waits for one of the states after `work`; an error that nothing mends is thrown. */
  #settled(work, states = ["paused", "complete"]) {
    return new Promise((resolve, reject) => {
      this.#outcome = { states, resolve, reject };
      work();
    });
  }

  #hear(type, detail) {
    if (type === "step") this.#onStep(detail);
    if (type === "progress") this.say(`${PHASES[detail.phase]} …`);
    if (type === "error") {
      const { title } = wordsFor(detail.type);
      this.say(detail.recovered ? detail.message : `${title}: ${detail.message}`, true);
      if (!detail.recovered) this.#outcome?.reject(new Error(detail.message));
    }
    if (type === "statechange" && this.#outcome?.states.includes(detail.state)) this.#outcome.resolve();
  }
}
