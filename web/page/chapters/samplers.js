/** DDPM against DDIM: the same four pictures of noise, by 5 to 1000 steps of each. */

import { paint, pictureOf } from "../../element/raster.js";
import { Bench } from "./bench.js";

const COUNT = 4;
/** Rows that are run first; the longer ones only when asked for. */
const SHORT = 100;

export function connect(section, element) {
  const bench = new Bench(section.querySelector(".lab"), element);
  const [go, more] = [section.querySelector(".go"), section.querySelector(".more")];
  const cells = Array.from(section.querySelectorAll("[data-steps]"), (canvas) => ({
    canvas,
    sampler: canvas.dataset.sampler,
    steps: Number(canvas.dataset.steps),
  }));
  let state = "idle";

  const fill = async ({ canvas, sampler, steps }) => {
    const total = element.info?.num_timesteps ?? steps;
    const taken = Math.min(steps, total);
    await bench.start({ count: COUNT, seed: element.seed, sampler, steps: taken });
    const begun = performance.now();
    const name = `${sampler.toUpperCase()}, ${taken} steps`;
    const draw = async (t) => {
      bench.say(`${name}: ${t + 1} steps of noise left`);
      const values = await bench.values();
      for (let column = 0; column < COUNT; column += 1) {
        paint(canvas, pictureOf(values, column, bench.info), bench.info, { column, columns: COUNT });
      }
    };
    await draw(taken - 1);
    await bench.play(draw);
    await draw(-1);
    canvas.classList.add("done");
    bench.say(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  };

  const run = async (wanted) => {
    state = "running";
    more.disabled = true;
    go.textContent = "Pause";
    try {
      for (const cell of cells.filter(wanted)) await fill(cell);
      bench.say("All rows are done.", true);
    } catch {
      // It is told in the status line.
    }
    state = "idle";
    more.disabled = false;
    go.textContent = "Run again";
  };
  go.addEventListener("click", () => {
    if (state === "idle") return run(({ steps }) => steps <= SHORT);
    const pauses = state === "running";
    state = pauses ? "paused" : "running";
    go.textContent = pauses ? "Go on" : "Pause";
    if (pauses) bench.pause();
    else bench.resume();
  });
  more.addEventListener("click", () => run(({ steps }) => steps > SHORT));
}
