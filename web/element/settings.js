/** What a page may set for all its elements, before the first of them loads: `DdpmCanvas.settings`. */

export const settings = {
  /** Address of the program, `ddpm_bg.wasm`; null: beside this script. */
  wasm: null,
  /** Folder of the models that go by a name alone; null: `models/` beside this script. */
  models: null,
  /** Where `owner/name` is looked up. */
  hub: "https://huggingface.co/",
  /** Whether models are kept in the browser's Cache API. */
  cache: true,
};
