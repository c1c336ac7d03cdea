/** Numbers beside the pictures: pace, time left, the adapter's name; and advice where the pace is slow. */

/** A chain that takes longer than this, in seconds, is worth advice. */
const LONG = 180;
/** The pace is believed after this many milliseconds of playing. */
const SETTLED = 4000;
/** Text that changes more often than this, in milliseconds, cannot be read. */
const INTERVAL = 250;

export function connectReadout(element) {
  const pace = document.querySelector("#pace");
  const adapter = document.querySelector("#adapter");
  let shownAt = 0;
  let playingSince = Infinity;

  element.addEventListener("step", () => {
    if (performance.now() - shownAt < INTERVAL) return;
    shownAt = performance.now();
    pace.textContent = paceWords(element);
    if (shownAt - playingSince > SETTLED) showAdvice(element);
  });
  element.addEventListener("statechange", ({ detail }) => {
    playingSince = detail.state === "playing" ? performance.now() : Infinity;
    if (detail.state !== "playing" && detail.state !== "paused") showAdvice(element, false);
    if (detail.state === "error") pace.textContent = "";
    if (detail.state === "loading" || detail.state === "paused" || detail.state === "complete") pace.textContent = paceWords(element);
  });
  // Without WebGPU there is a recorded film, and nothing that settings could change.
  element.addEventListener("error", ({ detail }) => {
    document.body.classList.toggle("only-film", detail.type === "no-webgpu");
  });
  const [fewer, shorter] = document.querySelectorAll("#hint button");
  fewer.addEventListener("click", () => (element.count = 4));
  shorter.addEventListener("click", () => Object.assign(element, { sampler: "ddim", steps: 50 }));
  element.addEventListener("load", () => {
    adapter.textContent = element.adapter;
    adapter.title = "The graphics adapter that computes this";
  });
}

function paceWords(element) {
  const { stepsPerSecond, stepsDone, stepsTotal } = element.progress;
  if (element.state === "complete") return `Complete after ${stepsTotal} steps`;
  if (element.state === "loading" || !(stepsPerSecond > 0)) return "";
  const left = element.state === "playing" ? `, ${duration((stepsTotal - stepsDone) / stepsPerSecond)} to go` : "";
  const digits = stepsPerSecond < 10 ? 1 : 0;
  return `${stepsPerSecond.toFixed(digits)} steps a second${left}`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** Offers less work where the whole chain would take minutes at full speed, in the caption's place, so that nothing moves. */
function showAdvice(element, needed = true) {
  const { stepsPerSecond, stepsTotal } = element.progress;
  const [fewer, shorter] = document.querySelectorAll("#hint button");
  fewer.hidden = element.count <= 4;
  shorter.hidden = element.sampler === "ddim";
  const helps = !(fewer.hidden && shorter.hidden) && element.speed === 0 && stepsTotal / stepsPerSecond >= LONG;
  document.querySelector(".below").classList.toggle("advised", needed && helps);
}
