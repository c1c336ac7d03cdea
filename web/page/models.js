/** The models' menu, from `models/index.json`, and models from elsewhere: an address or a file. */

export async function connectModels(element) {
  const menu = document.querySelector("#model");
  const models = await listed();
  menu.append(...models.map(({ address, title }) => new Option(title, address)));

  menu.addEventListener("change", () => use(element, menu.value));
  const address = document.querySelector("#address");
  const load = () => address.value.trim() && address.reportValidity() && use(element, address.value.trim());
  document.querySelector("#load-address").addEventListener("click", load);
  address.addEventListener("keydown", (event) => {
    if (event.key === "Enter") load();
  });
  const file = document.querySelector("#file");
  file.addEventListener("change", () => {
    if (file.files.length > 0) open(element, file.files[0]);
    file.value = "";
  });
  takeStrayDrops(element);

  const show = () => {
    const chosen = element.file ? element.file.name : element.model;
    let choice = Array.from(menu.options).find(({ value }) => value === chosen);
    if (!choice && chosen) menu.append((choice = new Option(lastPart(chosen), chosen)));
    if (choice) choice.selected = true;
    document.querySelector("#card").textContent = card(models.find((model) => model.address === chosen), element.info);
  };
  new MutationObserver(show).observe(element, { attributeFilter: ["model"] });
  element.addEventListener("load", show);
  element.addEventListener("statechange", show);
  if (element.model === "" && models.length > 0) element.model = models[0].address;
  show();
}

/** The models that come with the page; none if the list cannot be read: an address or a file still works. */
async function listed() {
  try {
    return (await (await fetch("models/index.json")).json()).models;
  } catch {
    return [];
  }
}

function use(element, address) {
  forgetLabel(element);
  element.model = address;
}

function open(element, file) {
  forgetLabel(element);
  element.open(file);
}

/** A file that just misses the pictures must not make the browser leave the page. */
function takeStrayDrops(element) {
  const isFile = (event) => !event.defaultPrevented && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (isFile(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    // A picture is for the chapter that takes them.
    if (!file.type.startsWith("image/")) open(element, file);
  });
}

/** Another model has other labels. */
function forgetLabel(element) {
  element.label = null;
  element.guidance = null;
}

/** What is known of a model: how it was made, its size. */
function card(entry, info) {
  const made = entry?.note ?? info?.card?.note ?? "";
  const size = info ? `${(info.parameters / 1e6).toFixed(1)} million parameters.` : "";
  return `${made} ${size}`.trim();
}

function lastPart(address) {
  return decodeURIComponent(address.split("/").at(-1)) || address;
}
