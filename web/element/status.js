/** What lies over the canvas: load and compile progress, notices, errors, and the recorded film where nothing can be computed. */

import { PHASES, wordsFor } from "./words.js";

export class Status {
  #box;
  #phase;
  #amount;
  #bar;
  #error;
  #film;
  #notice;
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
    this.#film = part("film");
    this.#notice = part("notice");
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
    if (state !== "error") this.#error.hidden = this.#recorded.hidden = this.#film.hidden = true;
    if (state === "complete") {
      this.#notice.hidden = true;
      this.say("The pictures are complete.");
    }
  }

  /** What was mended, in a sentence that stays until the pictures are complete. */
  showNotice(message) {
    this.#notice.textContent = sentence(message);
    this.#notice.hidden = false;
    this.say(this.#notice.textContent);
  }

  /**
   * A sentence, what to do about it, and for a browser without WebGPU the recorded film at address `film` ("": none), or the
   * poster, if there is one.
   */
  showError({ type, message }, film, hasPoster) {
    const { title, advice } = wordsFor(type);
    const texts = [title, sentence(message), advice];
    this.#error.querySelectorAll("p").forEach((part, index) => (part.textContent = texts[index]));
    this.#error.querySelector("button").hidden = ["no-webgpu", "panic", "input"].includes(type);
    this.#notice.hidden = true;
    this.#error.hidden = false;
    const recorded = type === "no-webgpu" && (film !== "" || hasPoster);
    this.#error.classList.toggle("beside-film", recorded);
    if (recorded) this.#showFilm(film);
  }

  /** The film plays at once, or where motion is unwelcome, when asked to. */
  #showFilm(film) {
    const button = this.#recorded.querySelector("button");
    if (film === "") {
      this.#recorded.hidden = false;
      button.hidden = true;
      return;
    }
    const show = () => {
      this.#film.src = film;
      this.#film.hidden = false;
      button.hidden = true;
    };
    this.#recorded.hidden = false;
    this.#film.onerror = () => (this.#recorded.hidden = this.#film.hidden = true);
    button.hidden = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    button.onclick = show;
    if (button.hidden) show();
  }

  /** For screen readers; the same words are not said twice, as a chain that plays again and again would have it. */
  say(words) {
    if (this.#live.textContent !== words) this.#live.textContent = words;
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
