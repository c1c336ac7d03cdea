/** One step taken apart: what the network is given and answers, and the update as a sum of pictures. */

import { NOISE_GAIN, paint } from "../../element/raster.js";
import { Bench } from "./bench.js";
import { normals, REVERSE_NOISE } from "./noise.js";
import { digits, minus, stepsOfNoise } from "./words.js";

/** Of the paper's T, equally spaced. */
const STEPS = 50;

export function connect(section, element) {
  const part = (selector) => section.querySelector(selector);
  const [go, slider] = [part(".go"), part("input[type=range]")];
  const bench = new Bench(part(".lab"), element);
  /** What each step was given and made. */
  let steps = [];
  let shape;
  let running = false;

  const show = () => {
    const step = steps[slider.value - 1];
    if (!step) return;
    const picture = (name, values, gain = 1) => paint(part(`[data-picture=${name}]`), values, shape, { gain });
    picture("x-t", step.xT);
    picture("x-start", step.xStart);
    picture("noise", step.noise, NOISE_GAIN);
    step.terms.forEach((term, ix) => picture(`term-${ix}`, term));
    picture("x-prev", step.xPrev);
    step.coefficients.forEach((value, ix) => (part(`[name=coefficient-${ix}]`).value = Number.isNaN(value) ? "σ" : minus(value.toFixed(4))));
    part("[name=before]").value = stepsOfNoise(step.before);
    part("[name=after]").value = step.after;
    part("[name=difference]").value = digits(step.difference);
    slider.setAttribute("aria-valuetext", `Step ${slider.value}: from ${stepsOfNoise(step.before)} to ${step.after}`);
  };
  slider.addEventListener("input", show);

  const run = async () => {
    steps = [];
    await bench.start({ count: 1, seed: element.seed, sampler: "ddpm", steps: STEPS });
    shape = bench.info;
    bench.say("");
    slider.max = STEPS;
    let [xT] = await bench.views();
    while (running && bench.progress.t >= 0) {
      const { t } = bench.progress;
      const coefficients = await bench.coefficients();
      await bench.step();
      const [xPrev, xStart, noise] = await bench.views();
      steps.push(anatomyOf({ t, after: bench.progress.t + 1, coefficients, xT, xPrev, xStart, noise, seed: element.seed }));
      xT = xPrev;
      slider.disabled = false;
      slider.value = steps.length;
      show();
    }
    bench.say(running ? `${steps.length} steps of DDPM, seed ${element.seed}: go back over them with the slider.` : "Stopped.", true);
  };
  go.addEventListener("click", async () => {
    running = !running;
    if (!running) return;
    go.textContent = "Stop";
    await run().catch(() => {});
    running = false;
    go.textContent = "Run again";
  });
}

/** x_{t−1} = a·x̂_0 + b·x_t + σ·z in its parts; z is the project's own noise, and where σ is the network's, σ·z is what is left. */
function anatomyOf({ t, after, coefficients: [a, b, , sigma], xT, xPrev, xStart, noise, seed }) {
  const z = normals({ seed, stream: REVERSE_NOISE, t, sample: 0 }, xT.length);
  const terms = [xStart.map((value) => a * value), xT.map((value) => b * value)];
  terms.push(Number.isNaN(sigma) ? xPrev.map((value, ix) => value - terms[0][ix] - terms[1][ix]) : z.map((value) => sigma * value));
  const difference = xPrev.reduce((most, value, ix) => Math.max(most, Math.abs(value - terms[0][ix] - terms[1][ix] - terms[2][ix])), 0);
  return { before: t + 1, after, coefficients: [a, b, sigma], terms, difference, xT, xPrev, xStart, noise };
}
