/** The page around `<ddpm-canvas>`: the element's attributes are the page's only state; the form and the URL mirror them. */

import "./ddpm-canvas.js";
import { connectActions } from "./page/actions.js";
import { connectChapters } from "./page/chapters.js";
import { connectModels } from "./page/models.js";
import { connectReadout } from "./page/readout.js";
import { connectSettings } from "./page/settings.js";
import { applyUrl, keepUrl } from "./page/url.js";

const element = document.querySelector("ddpm-canvas");

document.documentElement.classList.toggle("no-webgpu", !navigator.gpu);
applyUrl(element);
connectSettings(element);
connectReadout(element);
connectActions(element);
connectChapters(element);
keepUrl(element);
// Last, because it is the model that sets the element going.
await connectModels(element);
