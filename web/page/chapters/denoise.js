/** "From here, denoise": the reader's noised picture goes back through the network, with nine draws of the noise to come. */

import { paint } from "../../element/raster.js";
import { randomSeed } from "../url.js";
import { nearestStep } from "./schedule.js";
import { inSight } from "./sight.js";
import { subject } from "./subject.js";
import { stepsOfNoise } from "./words.js";

export function connect(section, element) {
  subject.follow(element);
  const futures = section.querySelector("ddpm-canvas");
  const go = section.querySelector(".go");
  /** The chain's own step that is nearest to the reader's. */
  const noise = () => nearestStep(subject.noise, futures.steps, subject.betas.length);

  const show = () => {
    const none = subject.noise === 0;
    paint(section.querySelector(".begin"), subject.xT(none ? 0 : noise()), subject.shape);
    section.querySelector("[name=begin]").value = none ? "no noise: nothing to take away" : stepsOfNoise(noise());
    go.disabled = none;
  };
  subject.addEventListener("change", inSight(section, show));
  show();

  const follow = () => {
    const { model, label, guidance } = element;
    if (element.file) {
      if (futures.file !== element.file) futures.open(element.file);
    } else if (futures.model !== model) futures.model = model;
    Object.assign(futures, { label, guidance });
  };
  go.addEventListener("click", () => {
    follow();
    futures.seed = randomSeed();
    futures.denoise(subject.xT(noise()), noise() - 1);
    futures.play();
  });
  // Its own button has the same picture to begin with.
  futures.addEventListener("click", () => futures.state === "idle" && go.click(), { capture: true });
}
