/** What lies over the canvas: load and compile progress, errors, and the recorded film where nothing can be computed. */

import { wordsFor } from "./errors.js";

const PHASES = {
  model: "Fetching the model",
  adapter: "Finding a graphics adapter",
  weights: "Uploading the weights",
  kernels: "Compiling the kernels",
  "self-test": "Checking the arithmetic",
};

export class Status {
  #box;
  #phase;
  #amount;
  #bar;
  #error;
  #poster;
  #recorded;
  #live;

  /** @param {ShadowRoot} root */
  constructor(root) {
    const part = (name) => root.querySelector(`.${name}`);
    this.#box = part("status");
    this.#phase = part("phase");
    this.#amount = part("amount");
    this.#bar = part("bar");
    this.#error = part("error");
    this.#poster = part("poster");
    this.#recorded = part("recorded");
    this.#live = part("live");
  }

  /** `{phase, done, total}` of a progress event. */
  showProgress({ phase, done, total }) {
    this.#phase.textContent = PHASES[phase] ?? phase;
    this.#amount.textContent = amount(phase, done, total);
    this.#bar.hidden = false;
    if (total > 0) this.#bar.value = done / total;
    else this.#bar.removeAttribute("value");
  }

  /** The session's state decides what is visible. */
  showState(state) {
    this.#box.hidden = state !== "loading";
    if (state !== "error") this.#error.hidden = this.#recorded.hidden = this.#poster.hidden = true;
    if (state === "loading") this.say("Loading");
    if (state === "complete") this.say("The pictures are complete.");
  }

  /**
   * A sentence, what to do about it, and for a browser without WebGPU the recorded film at address `film` ("": none).
   */
  showError({ type, message }, film) {
    const { title, advice } = wordsFor(type);
    const [heading, what, hint] = this.#error.querySelectorAll("h2, p");
    heading.textContent = title;
    what.textContent = sentence(message);
    hint.textContent = advice;
    this.#error.querySelector("button").hidden = ["no-webgpu", "panic", "input"].includes(type);
    this.#error.hidden = false;
    const recorded = type === "no-webgpu" && film !== "";
    this.#error.classList.toggle("beside-film", recorded);
    if (recorded) this.#showFilm(film);
    this.say(`${title}. ${message}`);
  }

  /** The film plays at once, or where motion is unwelcome, when asked to. */
  #showFilm(film) {
    const button = this.#recorded.querySelector("button");
    const show = () => {
      this.#poster.src = film;
      this.#poster.hidden = false;
      button.hidden = true;
    };
    this.#recorded.hidden = false;
    this.#poster.onerror = () => (this.#recorded.hidden = this.#poster.hidden = true);
    button.hidden = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    button.onclick = show;
    if (button.hidden) show();
  }

  /** For screen readers. */
  say(words) {
    this.#live.textContent = words;
  }
}

function amount(phase, done, total) {
  if (phase === "model") {
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    return total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
  }
  return total > 0 ? `${done} of ${total}` : "";
}

function sentence(message) {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}
