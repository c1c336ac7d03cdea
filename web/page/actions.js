/** What can be taken away: the picture, the film, a link; and another future of the pictures so far. */

import { link, randomSeed } from "./url.js";

export function connectActions(element) {
  const button = (name) => document.querySelector(`#${name}`);
  const name = () => `ddpm-seed-${element.seed}`;
  const act = (id, work) => button(id).addEventListener("click", () => work(button(id)));

  act("branch", () => {
    element.seed = randomSeed();
    element.play();
  });
  act("save-picture", () => save(element.toBlob(), `${name()}.png`));
  act("save-film", (film) => whileBusy(film, "Making the film…", () => save(element.film(), `${name()}.gif`)));
  act("copy-link", (copy) => copyLink(copy, link(element)));

  const show = () => {
    const { stepsDone, stepsTotal } = element.progress;
    const readable = ["paused", "playing", "complete"].includes(element.state);
    button("branch").disabled = !readable || stepsDone === 0 || stepsDone >= stepsTotal;
    button("save-picture").disabled = !readable;
    if (!button("save-film").matches(".busy")) button("save-film").disabled = !readable;
    showBranch(element);
  };
  element.addEventListener("statechange", show);
  element.addEventListener("step", show);
}

/** A link cannot say that another seed took over half-way, so the page does. */
function showBranch(element) {
  const caption = document.querySelector("#branched") ?? document.createElement("p");
  const t = element.branchedAt;
  caption.hidden = t === null;
  if (t === null) return;
  caption.id = "branched";
  caption.className = "notice";
  const words = `Another future: with ${t + 1} steps of noise left, seed ${element.seed} took over. A link starts that seed from its own noise.`;
  if (caption.textContent === words) return;
  caption.textContent = words;
  document.querySelector("#caption").before(caption);
}

async function save(blob, name) {
  const url = URL.createObjectURL(await blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

async function whileBusy(button, words, work) {
  const before = button.textContent;
  button.classList.add("busy");
  button.disabled = true;
  button.textContent = words;
  try {
    await work();
  } finally {
    button.classList.remove("busy");
    button.disabled = false;
    button.textContent = before;
  }
}

async function copyLink(button, address) {
  const said = document.querySelector("#said");
  const before = button.dataset.label ?? (button.dataset.label = button.textContent);
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = said.textContent = "Link copied";
  } catch {
    button.textContent = said.textContent = "Copy it from the address bar";
  }
  setTimeout(() => (button.textContent = before), 2000);
}
