/** What training is: the error that is left of a shipped model, by t. */

import { plot } from "./plot.js";
import { digits, stepsOfNoise } from "./words.js";

export async function connect(section) {
  const { points, num_timesteps: total } = await (await fetch("models/loss-by-t.json")).json();
  const slider = section.querySelector("input[type=range]");
  const errors = points.map(({ noise, mse }) => [noise, mse]);
  const most = Math.max(...errors.map(([, mse]) => mse));
  const least = Math.min(...errors.map(([, mse]) => mse));
  const { mark } = plot(section.querySelector(".plot-loss"), {
    points: errors,
    xRange: [0, total],
    yRange: [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most))],
    log: true,
  });
  const show = () => {
    const noise = Number(slider.value);
    const [, mse] = errors.reduce((best, point) => (Math.abs(point[0] - noise) < Math.abs(best[0] - noise) ? point : best));
    mark(noise);
    section.querySelector("[name=loss-noise]").value = stepsOfNoise(noise);
    section.querySelector("[name=loss]").value = digits(mse);
    slider.setAttribute("aria-valuetext", `${stepsOfNoise(noise)}: error ${digits(mse)}`);
  };
  slider.max = total;
  slider.addEventListener("input", show);
  show();
}
