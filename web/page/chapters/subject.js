/** The reader's picture and how much noise is on it: what the chapters on the forward process and on the way back share. */

import { valuesOf } from "../../element/raster.js";
import { drawFigure } from "./figures.js";
import { FORWARD_NOISE, normals } from "./noise.js";
import { alphasCumprod, linearBetas, qSample } from "./schedule.js";

/** The canvas that is drawn on has so many pixels a side for each of the picture's. */
const ZOOM = 8;
/** What most models here have, until one is loaded. */
const SHAPE = { width: 28, height: 28, channels: 1 };

/** Fires `change`. */
class Subject extends EventTarget {
  /** Width, height and channels of the model's pictures. */
  shape = SHAPE;
  /** β of the model's process. */
  betas = linearBetas();
  /** ᾱ after 0 to T steps of noise. */
  alphasCumprod = alphasCumprod(this.betas);
  /** Steps of noise on it. */
  noise = 300;
  /** Of its noise. */
  seed = "1";
  /** Where it is drawn; who draws says so by `drawn`. */
  canvas = document.createElement("canvas");
  /** What follows from the drawing and from the seed, until they change. */
  #xStart;
  #normals;

  constructor() {
    super();
    this.#resize();
    drawFigure(this.canvas, "boot");
  }

  /** Follows the model of `element`, if it has pictures of another size or another schedule. */
  follow(element) {
    const take = () => {
      const { width, height, channels, betas } = element.info ?? {};
      if (!betas) return;
      this.betas = betas;
      this.alphasCumprod = alphasCumprod(betas);
      this.noise = Math.min(this.noise, betas.length);
      const before = this.canvas;
      this.shape = { width, height, channels };
      if (before.width !== ZOOM * width || before.height !== ZOOM * height) {
        this.canvas = document.createElement("canvas");
        this.#resize();
        this.canvas.getContext("2d").drawImage(before, 0, 0, this.canvas.width, this.canvas.height);
      }
      this.drawn();
    };
    element.addEventListener("load", take);
    take();
  }

  #resize() {
    this.canvas.width = ZOOM * this.shape.width;
    this.canvas.height = ZOOM * this.shape.height;
  }

  /** The picture is another. */
  drawn() {
    this.#xStart = undefined;
    this.changed();
  }

  /** Tells those who listen. */
  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** x_0, [C, H, W]. */
  xStart() {
    return (this.#xStart ??= valuesOf(this.canvas, this.shape));
  }

  /** x_t with `noise` steps of noise; 0 is the picture itself. */
  xT(noise = this.noise) {
    return this.noised(this.xStart(), noise);
  }

  /** Any x_0 with as much of this subject's noise as `noise` steps bring: it is the same ε for all, so that only its share grows. */
  noised(xStart, noise) {
    if (noise === 0) return xStart;
    const draw = { seed: this.seed, stream: FORWARD_NOISE, t: this.betas.length - 1, sample: 0 };
    const key = `${draw.seed} ${draw.t} ${xStart.length}`;
    if (this.#normals?.key !== key) this.#normals = { key, values: normals(draw, xStart.length) };
    return qSample(xStart, this.#normals.values, this.alphasCumprod[noise]);
  }
}

export const subject = new Subject();
