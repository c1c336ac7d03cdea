/** The forward process on the reader's picture: drawn, picked, opened or taken from the chain; noised as far as they like. */

import { paint, pictureOf } from "../../element/raster.js";
import { drawFigure, FIGURES } from "./figures.js";
import { histogram, plot } from "./plot.js";
import { inSight } from "./sight.js";
import { subject } from "./subject.js";
import { digits, minus, stepsOfNoise } from "./words.js";

/** Of the pencil, in pixels of the picture. */
const PENCIL = 2.4;
/** The values shown, and the most that a bar can stand for. */
const HISTOGRAM = { bins: 41, most: 3.2, tallest: 1 };

/** @param {HTMLElement} section @param {import("../../ddpm-canvas.js").DdpmCanvas} element the chain */
export function connect(section, element) {
  subject.follow(element);
  const part = (selector) => section.querySelector(selector);
  const slider = part("input[type=range]");
  const bars = histogram(part(".histogram"), HISTOGRAM);
  let curves;
  let betas;
  /** What the pad shows. */
  let drawing;
  let xStart;

  const show = () => {
    const { noise, alphasCumprod, shape, canvas } = subject;
    if (betas !== subject.betas) {
      betas = subject.betas;
      curves = schedulePlots(part, betas, alphasCumprod);
    }
    if (drawing !== canvas || xStart !== subject.xStart()) copyTo(part(".pad"), canvas);
    [drawing, xStart] = [canvas, subject.xStart()];
    const xT = subject.xT();
    paint(part(".noised"), xT, shape);
    bars.show(xT);
    const { mean, deviation } = moments(xT);
    part("[name=moments]").value = `${minus(mean.toFixed(2))} ± ${deviation.toFixed(2)}`;

    slider.max = betas.length;
    slider.value = noise;
    const ac = alphasCumprod[noise];
    slider.setAttribute("aria-valuetext", `${stepsOfNoise(noise)}, ${Math.round(100 * Math.sqrt(ac))} % of the picture left`);
    part("[name=noise]").value = noise;
    part("[name=signal]").value = Math.sqrt(ac).toFixed(3);
    part("[name=deviation]").value = Math.sqrt(1 - ac).toFixed(3);
    for (const { mark } of curves) mark(noise);
    part("[name=beta]").value = noise === 0 ? "0" : digits(betas[noise - 1]);
    part("[name=alpha-bar]").value = digits(ac);
    part("[name=snr]").value = noise === 0 ? "∞" : digits(ac / (1 - ac));
  };
  subject.addEventListener("change", inSight(section, show));
  slider.addEventListener("input", () => {
    subject.noise = Number(slider.value);
    subject.changed();
  });
  part(".other-noise").addEventListener("click", () => {
    subject.seed = String((Number(subject.seed) % 9999) + 1);
    subject.changed();
  });
  connectPad(part(".pad"));
  connectPicks(section, element);
  show();
}

/** β, ᾱ and the signal-to-noise ratio over the steps of noise. */
function schedulePlots(part, betas, alphasCumprod) {
  const total = betas.length;
  const over = (of, from = 0) => Array.from({ length: total + 1 - from }, (_, ix) => [ix + from, of(ix + from)]);
  const xRange = [0, total];
  const most = Math.max(...betas);
  return [
    plot(part(".plot-beta"), { points: over((n) => betas[n - 1], 1), xRange, yRange: [0, most * 1.05] }),
    plot(part(".plot-alpha-bar"), { points: over((n) => alphasCumprod[n]), xRange, yRange: [0, 1.02] }),
    plot(part(".plot-snr"), { points: over((n) => alphasCumprod[n] / (1 - alphasCumprod[n]), 1), xRange, yRange: [1e-5, 1e4], log: true }),
  ];
}

function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

function copyTo(canvas, from) {
  if (canvas.width !== from.width || canvas.height !== from.height) {
    canvas.width = from.width;
    canvas.height = from.height;
  }
  canvas.getContext("2d").drawImage(from, 0, 0);
}

/** Drawing with whatever points. */
function connectPad(pad) {
  let last;
  const draw = (event) => {
    const box = pad.getBoundingClientRect();
    const { canvas, shape } = subject;
    const scale = canvas.width / box.width;
    const point = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const context = canvas.getContext("2d");
    context.strokeStyle = "#fff";
    context.lineWidth = (PENCIL * canvas.width) / shape.width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(last ?? point));
    context.lineTo(...point);
    context.stroke();
    last = point;
    subject.drawn();
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    last = undefined;
    draw(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) draw(event);
  });
}

/** The ready-made pictures, an empty sheet, a picture of one's own, one of the chain's. */
function connectPicks(section, element) {
  for (const button of section.querySelectorAll("[data-figure]")) {
    const { figure } = button.dataset;
    if (figure in FIGURES) drawFigure(button.querySelector("canvas"), figure);
    button.addEventListener("click", () => {
      drawFigure(subject.canvas, figure);
      subject.drawn();
    });
  }
  section.querySelector(".clear").addEventListener("click", () => {
    const { canvas } = subject;
    canvas.getContext("2d").fillRect(0, 0, canvas.width, canvas.height);
    subject.drawn();
  });

  const file = section.querySelector("input[type=file]");
  file.addEventListener("change", () => {
    if (file.files.length > 0) open(file.files[0]);
    file.value = "";
  });
  section.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  section.addEventListener("drop", (event) => {
    const dropped = Array.from(event.dataTransfer?.files ?? []).find(({ type }) => type.startsWith("image/"));
    if (!dropped) return;
    event.preventDefault();
    open(dropped);
  });

  const take = section.querySelector(".from-chain");
  let next = 0;
  take.addEventListener("click", async () => {
    const { shape } = subject;
    const values = await element.values();
    const small = document.createElement("canvas");
    paint(small, pictureOf(values, next % (values.length / (shape.channels * shape.width * shape.height)), shape), shape);
    next += 1;
    const context = subject.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, subject.canvas.width, subject.canvas.height);
    subject.drawn();
  });
  const offer = () => (take.disabled = element.state !== "complete");
  element.addEventListener("statechange", offer);
  offer();
}

/** A picture from a file, its middle, as large as it fits. */
async function open(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return;
  const { canvas } = subject;
  const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  subject.drawn();
}
