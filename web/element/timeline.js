/**
 * The timeline: a slider over the steps of a chain, from pure noise on the left to the picture on the right.
 *
 * Its track is grain as strong as the noise left in x_t, √(1 − ᾱ_t) (arXiv 2006.11239, eq. 4), for the linear schedule.
 * Ticks mark the kept frames, the ones it can go back to; what was never computed is pale.
 */

const COLUMNS = 300;
const ROWS = 9;

export class Timeline {
  #input;
  #track;
  #ticks;
  #box;
  #kept = [];
  #shown = "";

  /**
   * @param {ShadowRoot} root
   * @param {{onSeek: (index: number) => void, onScrub: (scrubbing: boolean) => void}} hooks
   */
  constructor(root, { onSeek, onScrub }) {
    this.#box = root.querySelector(".timeline");
    this.#input = this.#box.querySelector("input");
    this.#track = this.#box.querySelector("canvas");
    this.#ticks = this.#box.querySelector("path");
    this.#input.addEventListener("input", () => onSeek(Number(this.#input.value)));
    this.#input.addEventListener("pointerdown", () => onScrub(true));
    for (const type of ["change", "pointerup", "pointercancel", "blur"]) {
      this.#input.addEventListener(type, () => onScrub(false));
    }
    this.#input.addEventListener("keydown", (event) => {
      const index = this.neighbour(event.key);
      if (index === undefined) return;
      event.preventDefault();
      onSeek(index);
    });
    drawGrain(this.#track);
    this.update({ t: -1, stepsDone: 0, stepsTotal: 0, kept: [] }, "");
  }

  /** The kept frame that an arrow key, Home or End leads to; undefined for other keys, or where there is none. */
  neighbour(key) {
    const now = Number(this.#input.value);
    const kept = this.#kept;
    switch (key) {
      case "ArrowLeft":
      case "ArrowDown":
        return kept.findLast((index) => index < now);
      case "ArrowRight":
      case "ArrowUp":
        return kept.find((index) => index > now) ?? kept.at(-1);
      case "PageDown":
        return kept.findLast((index) => index <= now - this.#input.max / 10) ?? kept[0];
      case "PageUp":
        return kept.find((index) => index >= now + this.#input.max / 10) ?? kept.at(-1);
      case "Home":
        return kept[0];
      case "End":
        return kept.at(-1);
      default:
        return undefined;
    }
  }

  /** Shows the session's `progress`; `words` is what a screen reader says of it, or null while it would never fall silent. */
  update({ stepsDone, stepsTotal, kept }, words) {
    this.#input.max = String(stepsTotal || 1);
    this.#input.value = String(stepsDone);
    this.#input.disabled = stepsTotal === 0;
    if (words !== null) this.#input.setAttribute("aria-valuetext", words);
    if (kept !== this.#kept) this.#showKept(kept, stepsTotal);
    const computed = Math.max(stepsDone, this.#kept.at(-1) ?? 0) / (stepsTotal || 1);
    this.#box.style.setProperty("--computed", `${(100 * computed).toFixed(2)}%`);
  }

  #showKept(kept, total) {
    this.#kept = Array.from(kept);
    const path = this.#kept.map((index) => `M${((1000 * index) / (total || 1)).toFixed(1)} 0v1`).join("");
    if (path !== this.#shown) this.#ticks.setAttribute("d", (this.#shown = path));
  }
}

/** Black grain on a transparent canvas; the style sheet turns it light on dark. */
function drawGrain(canvas) {
  canvas.width = COLUMNS;
  canvas.height = ROWS;
  const context = canvas.getContext("2d");
  const image = context.createImageData(COLUMNS, ROWS);
  const random = grain();
  for (let column = 0; column < COLUMNS; column += 1) {
    const noise = noiseLeft(1 - column / (COLUMNS - 1));
    for (let row = 0; row < ROWS; row += 1) {
      const value = 0.42 + 0.36 * noise * random();
      image.data[4 * (row * COLUMNS + column) + 3] = 255 * Math.max(0, Math.min(1, value));
    }
  }
  context.putImageData(image, 0, 0);
}

/** √(1 − ᾱ) after `share` of 1000 timesteps, β linear from 1e-4 to 0.02. */
function noiseLeft(share) {
  const steps = 1000 * share;
  return Math.sqrt(1 - Math.exp(-(1e-4 * steps + (0.0199 / 2000) * steps * steps)));
}

/** Roughly normal numbers, the same at every visit: the track is decoration, not data. */
function grain() {
  let state = 20061239;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return () => 2 * (uniform() + uniform() + uniform()) - 3;
}
