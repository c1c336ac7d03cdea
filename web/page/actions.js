/** What can be taken away: the picture, the film, a link, code; and another future of the pictures so far. */

import { randomSeed } from "./url.js";

export function connectActions(element) {
  const button = (name) => document.querySelector(`#${name}`);
  const name = () => `ddpm-seed-${element.seed}`;
  const act = (id, work) => button(id).addEventListener("click", () => work(button(id)));

  act("branch", () => {
    element.seed = randomSeed();
    element.play();
  });
  const saving = () => import("./save.js");
  act("save-picture", async () => (await saving()).save(element.toBlob(), `${name()}.png`));
  act("save-film", async (film) => {
    const { save, whileBusy } = await saving();
    whileBusy(film, "Making the film…", () => save(element.film(), `${name()}.gif`));
  });

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (button) (await import("./copy.js")).copy(button, element);
  });

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
  document.querySelector(".below").before(caption);
}
