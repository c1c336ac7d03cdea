/** What people read of an error, by its type; and of what is being done, by its phase. */

export const PHASES = {
  model: "Fetching the model",
  adapter: "Finding a graphics adapter",
  weights: "Uploading the weights",
  kernels: "Compiling the kernels",
  "self-test": "Checking the arithmetic",
};

const WORDS = {
  "no-webgpu": {
    title: "No WebGPU here",
    advice:
      "The pictures are computed with WebGPU. A current Chrome, Edge, Safari or Firefox has it; on Linux it may first " +
      "have to be switched on: in Firefox set dom.webgpu.enabled in about:config, in Chrome enable “Unsafe WebGPU " +
      "Support” in chrome://flags.",
  },
  "device-lost": {
    title: "The graphics device was lost",
    advice: "It was lost again and again, which a driver in trouble does. Try again to begin anew.",
  },
  limits: { title: "Too much for this adapter", advice: "Try fewer pictures, or a smaller model." },
  "out-of-memory": { title: "Out of graphics memory", advice: "Try fewer pictures, or a smaller model." },
  "self-test": {
    title: "This adapter computes wrong numbers",
    advice: "The start-up check failed, and wrong pictures would be worse than none. Another browser or a newer driver may help.",
  },
  load: { title: "The model could not be loaded", advice: "Choose another model, or try again." },
  input: { title: "That cannot be computed", advice: "Change the settings, and it starts again by itself." },
  panic: {
    title: "The program broke",
    advice: "This is a mistake in the program, not yours. The browser's console has the details; reload the page to begin anew.",
  },
};

/** The `{title, advice}` for an error type. */
export function wordsFor(type) {
  return WORDS[type] ?? WORDS.panic;
}
