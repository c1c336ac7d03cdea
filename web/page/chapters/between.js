/** Between two pictures, by way of their noised forms (arXiv 2006.11239, figure 8). */

import { paint, pictureOf, valuesOf } from "../../element/raster.js";
import { Bench } from "./bench.js";
import { drawFigure, FIGURES } from "./figures.js";
import { nearestStep } from "./schedule.js";
import { inSight } from "./sight.js";
import { subject } from "./subject.js";
import { stepsOfNoise } from "./words.js";

/** Shares of the second picture, and the steps of the way back. */
const COUNT = 7;
const STEPS = 50;

export function connect(section, element) {
  subject.follow(element);
  const part = (selector) => section.querySelector(selector);
  const bench = new Bench(part(".lab"), element);
  const [go, slider, strip] = [part(".go"), part("input[type=range]"), part(".strip")];
  const ends = Array.from(section.querySelectorAll("select"));
  const noise = () => nearestStep(Number(slider.value), STEPS, subject.betas.length);
  let made = [];

  const mixes = () => {
    const [from, to] = ends.map(({ value }) => xStartOf(value, made));
    const share = (ix) => ix / (COUNT - 1);
    return Array.from({ length: COUNT }, (_, ix) => from.map((value, at) => (1 - share(ix)) * value + share(ix) * to[at]));
  };
  const draw = (pictures) => pictures.forEach((picture, column) => paint(strip, picture, subject.shape, { column, columns: COUNT }));
  const show = () => {
    slider.max = subject.betas.length;
    part("[name=mixed]").value = stepsOfNoise(noise());
    ends.forEach((end) => paint(part(`[data-end=${end.name}]`), xStartOf(end.value, made), subject.shape));
    if (!go.disabled) draw(mixes().map((mix) => subject.noised(mix, noise())));
  };
  for (const control of [slider, ...ends]) control.addEventListener("input", show);
  subject.addEventListener("change", inSight(section, show));

  const offer = async () => {
    made = element.state === "complete" ? await element.values() : [];
    for (const option of section.querySelectorAll("option[value^=made]")) option.disabled = made.length === 0;
    show();
  };
  element.addEventListener("statechange", offer);
  offer();

  go.addEventListener("click", async () => {
    go.disabled = slider.disabled = true;
    try {
      const begin = mixes().map((mix) => subject.noised(mix, noise()));
      const x = Float32Array.from(begin.flatMap((picture) => Array.from(picture)));
      await bench.start({ count: COUNT, seed: "0", sampler: "ddim", steps: STEPS }, { x, t: noise() - 1 });
      const read = async () => {
        const values = await bench.values();
        draw(begin.map((_, ix) => pictureOf(values, ix, subject.shape)));
      };
      await bench.play(async (t) => {
        bench.say(`${stepsOfNoise(t + 1)} left`);
        await read();
      });
      await read();
      bench.say(`Mixed with ${stepsOfNoise(noise())}, and brought back by DDIM without fresh noise.`, true);
    } catch {
      // It is told in the status line.
    }
    go.disabled = slider.disabled = false;
  });
}

/** x_0 of figures, by name and shape. */
const known = new Map();

/** x_0 of an end: "yours", a figure's name, or "made-N", a picture of the chain above. */
function xStartOf(name, made) {
  const { shape } = subject;
  const [, index] = /^made-(\d+)$/.exec(name) ?? [];
  if (index !== undefined && made.length > 0) return pictureOf(made, Number(index) % (made.length / (shape.channels * shape.width * shape.height)), shape);
  if (!(name in FIGURES)) return subject.xStart();
  const key = `${name} ${Object.values(shape)}`;
  if (known.has(key)) return known.get(key);
  const canvas = document.createElement("canvas");
  canvas.width = subject.canvas.width;
  canvas.height = subject.canvas.height;
  drawFigure(canvas, name);
  known.set(key, valuesOf(canvas, shape));
  return known.get(key);
}
