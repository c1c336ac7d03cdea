/** What is loaded at run time from beside this file, so it stays at the root of the built folder, and bundlers find both. */

/** Where the folder is. */
export const ROOT = import.meta.url;

/** The wasm module's JavaScript, and the address of its code. */
export const importProgram = () => import("./ddpm.js");
export const programAddress = () => new URL("./ddpm_bg.wasm", import.meta.url);
