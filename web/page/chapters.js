/** The chapters below the chain: the script of each is fetched when it comes near. */

const CHAPTERS = {
  forward: () => import("./chapters/forward.js"),
  denoise: () => import("./chapters/denoise.js"),
  anatomy: () => import("./chapters/anatomy.js"),
  samplers: () => import("./chapters/samplers.js"),
  between: () => import("./chapters/between.js"),
  training: () => import("./chapters/training.js"),
  own: () => import("./chapters/own.js"),
};
/** What counts as near. */
const MARGIN = "300px";
/** After so many milliseconds what could not be fetched is tried again, if it is still near. */
const RETRY = 10000;

export function connectChapters(element) {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) connect(target);
    },
    { rootMargin: MARGIN },
  );
  const connect = async (section) => {
    observer.unobserve(section);
    const chapter = await CHAPTERS[section.id]().catch(() => null);
    if (!chapter) return setTimeout(() => observer.observe(section), RETRY);
    await chapter.connect(section, element);
    section.dataset.connected = "";
  };
  for (const id of Object.keys(CHAPTERS)) {
    const section = document.getElementById(id);
    // Those that are nothing without WebGPU say so in a sentence.
    if (navigator.gpu || !section.querySelector(".without")) observer.observe(section);
  }
}
