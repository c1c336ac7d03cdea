/** The form: each control has an attribute's name; a change sets the attribute, and the attribute sets the control. */

import { ATTRIBUTES } from "../element/attributes.js";
import { randomSeed } from "./url.js";

const COUNTS = [1, 4, 9, 16, 25, 36, 64];
const STEPS = [5, 10, 20, 50, 100, 250, 500, 1000];
const SPEEDS = [0, 100, 30, 10, 3, 1];
const CAPTIONS = {
  x_t: "The picture as it stands. Each step takes away some of the noise that the network sees, and puts a smaller amount of fresh noise back.",
  pred_x_start:
    "What the network would answer if it had to finish now. Blurry at first, because many pictures are still possible; then it makes up its mind.",
  pred_noise: "The noise that the network believes is in the picture. Telling it apart is all that it was ever trained to do.",
};

/** @param {import("../ddpm-canvas.js").DdpmCanvas} element */
export function connectSettings(element) {
  const form = document.querySelector("#settings");
  const { count, speed, seed } = form.elements;
  count.append(...COUNTS.map((value) => option(value)));
  speed.append(...SPEEDS.map((value) => option(value, speedWords(value))));

  form.addEventListener("submit", (event) => event.preventDefault());
  // On the document: the views stand by the pictures, in the form by their `form` attribute alone.
  document.addEventListener("input", ({ target }) => {
    if (target.form === form && target.type === "range") element.setAttribute(target.name, target.value);
  });
  document.addEventListener("change", ({ target }) => {
    if (target.form !== form || !(target.name in ATTRIBUTES) || target.name === "model" || target.type === "range") return;
    if (target === seed) return useSeed(element, seed);
    if (target.name === "sampler") element.steps = null;
    if (target.value === "") element.removeAttribute(target.name);
    else element.setAttribute(target.name, target.value);
  });

  const dice = () => {
    element.seed = randomSeed();
    element.restart();
    element.play();
  };
  form.querySelector("#dice").addEventListener("click", dice);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("a, button, input, select, summary, pre, ddpm-canvas")) return;
    if (event.key === "n") dice();
    else if (!element.shortcut(event.key)) return;
    event.preventDefault();
  });

  const show = () => {
    showOptions(element, form);
    showValues(element, form);
  };
  new MutationObserver(show).observe(element, { attributes: true });
  element.addEventListener("load", show);
  show();
}

/** A typed seed starts its own chain, from its own noise. */
function useSeed(element, input) {
  if (input.validity.valid && input.value !== "") {
    element.seed = input.value;
    element.restart();
    element.play();
  }
  input.value = element.seed;
}

/** Which choices there are depends on the sampler and on the model. */
function showOptions(element, form) {
  const info = element.info;
  const most = info?.num_timesteps ?? 1000;
  const choices = STEPS.filter((value) => value < most).concat(most);
  form.elements.steps.replaceChildren(
    ...choices.map((value) => option(value, value === most ? `${value} (all)` : String(value))),
  );

  const names = info?.class_names ?? [];
  const classes = info?.num_classes ?? names.length;
  const ordinary = Array.from({ length: classes }, (_, label) => label).filter((label) => label !== info.null_class);
  const any = info?.null_class === null && classes > 0 ? [] : [option("", classes > 0 ? "Any" : "The model has none")];
  form.elements.label.replaceChildren(...any, ...ordinary.map((label) => option(label, names[label] ?? `Class ${label}`)));

  const guided = classes > 0 && info.null_class !== null && element.label !== null;
  form.elements.eta.disabled = element.sampler !== "ddim";
  form.elements.label.disabled = classes === 0;
  document.querySelector("#guidance-field").hidden = !guided;
}

function showValues(element, form) {
  const { steps, seed, label, eta, guidance, count, speed, sampler, view } = form.elements;
  const most = element.info?.num_timesteps ?? 1000;
  select(steps, Math.min(most, element.steps ?? (element.sampler === "ddim" ? 50 : most)));
  select(count, element.count);
  select(speed, element.speed, speedWords(element.speed));
  select(label, element.label ?? "");
  sampler.value = element.sampler;
  view.value = element.view;
  eta.value = element.eta;
  guidance.value = element.guidance;
  if (document.activeElement !== seed) seed.value = element.seed;
  form.querySelector("output[for=eta]").value = element.eta.toFixed(2);
  form.querySelector("output[for=guidance]").value = element.guidance.toFixed(2);
  document.querySelector("#caption").textContent = CAPTIONS[element.view];
}

/** Selects `value`, adding it if a link asked for something that is not on the list. */
function select(list, value, words) {
  const text = String(value);
  if (!Array.from(list.options).some((choice) => choice.value === text)) {
    if (text === "") return;
    list.append(option(value, words));
  }
  list.value = text;
}

function option(value, words = String(value)) {
  return new Option(words, value);
}

function speedWords(speed) {
  if (speed === 0) return "As fast as it goes";
  return speed === 1 ? "One step a second" : `${speed} steps a second`;
}
