/** Typed errors of `<ddpm-canvas>`; `words.js` is what they say to people. */

/**
 * `type` is one of `no-webgpu`, `device-lost`, `limits`, `out-of-memory`, `self-test`, `load`, `input`, or `panic` for a
 * mistake in the program itself.
 */
export class DdpmError extends Error {
  constructor(type, message) {
    super(message);
    this.name = "DdpmError";
    this.type = type;
  }
}

/** Whatever was thrown, as a DdpmError. */
export function toDdpmError(thrown) {
  if (thrown instanceof DdpmError) return thrown;
  if (thrown instanceof WebAssembly.RuntimeError) return new DdpmError("panic", thrown.message);
  if (thrown && typeof thrown.type === "string") return new DdpmError(thrown.type, thrown.message ?? String(thrown));
  return new DdpmError("panic", thrown?.message ?? String(thrown));
}

/** Throws where this browser cannot have WebGPU at all, before anything is downloaded for it. */
export function requireWebGpu() {
  if (navigator.gpu) return;
  throw new DdpmError(
    "no-webgpu",
    isSecureContext
      ? "This browser does not offer WebGPU."
      : "Browsers offer WebGPU only to pages served over https, or from this machine itself.",
  );
}
