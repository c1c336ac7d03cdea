/** Files for the reader to keep. */

/** How long the file's address stays valid, in milliseconds. */
const VALID = 60000;

/** @param {Promise<Blob>} blob */
export async function save(blob, name) {
  const url = URL.createObjectURL(await blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), VALID);
}

/** `button` says `words` and cannot be pressed until `work` is done. */
export async function whileBusy(button, words, work) {
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
