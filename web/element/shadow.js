/** The element's shadow tree: markup and style, both constant text, so that a strict Content-Security-Policy is no obstacle. */

const MARKUP = `
<div class="stage">
  <div class="frame" part="frame">
    <canvas part="canvas" role="img"></canvas>
    <div class="facade" part="facade"><slot name="poster"><img class="poster" part="poster" alt="" hidden></slot></div>
    <img class="film" part="film" alt="A recorded film of a chain" hidden>
    <p class="recorded" part="recorded" hidden><b>Recorded earlier, not computed here</b><button type="button">Show the film</button></p>
    <button type="button" class="start" part="start-button" aria-label="Play">
      <svg viewBox="0 0 20 20" aria-hidden="true"><path class="solid when-paused" d="M6 3.5l10.5 6.5L6 16.5z"/><path class="solid when-playing" d="M5 4h3.6v12H5zm6.4 0H15v12h-3.6z"/></svg></button>
    <div class="status" part="status" hidden><slot name="progress">
      <p><span class="phase">Loading</span> <span class="amount"></span></p>
      <progress class="bar" part="bar" max="1" aria-label="Loading"></progress>
    </slot></div>
    <p class="notice" part="notice" hidden></p>
    <div class="drop" part="drop" hidden>Drop a model here</div>
  </div>
  <div class="error" part="error" role="alert" hidden>
    <p class="title"></p><p class="what"></p><p class="hint"></p>
    <button type="button">Try again</button>
  </div>
</div>
<div class="controls" part="controls" role="group" aria-label="Controls" hidden>
  <p class="readout" part="readout"><span class="number" part="number">–</span> <span class="unit" part="unit"></span></p>
  <div class="buttons" part="buttons">
    <button type="button" class="restart" part="button" title="Start over (R)" aria-label="Start over">
      <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4.2 10a5.8 5.8 0 1 0 1.7-4.1L3.6 8.2M3.6 3.6v4.6h4.6"/></svg></button>
    <button type="button" class="step" part="button" title="One step (.)" aria-label="One step">
      <svg viewBox="0 0 20 20" aria-hidden="true"><path class="solid" d="M5 4l8 6-8 6z"/><path d="M15.2 4v12"/></svg></button>
    <button type="button" class="play" part="button play-button" title="Play (space)" aria-label="Play">
      <svg viewBox="0 0 20 20" aria-hidden="true"><path class="solid when-paused" d="M6 3.5l10.5 6.5L6 16.5z"/><path class="solid when-playing" d="M5 4h3.6v12H5zm6.4 0H15v12h-3.6z"/></svg></button>
  </div>
  <div class="timeline" part="timeline">
    <div class="track"><canvas aria-hidden="true"></canvas></div>
    <svg class="ticks" viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true"><path/></svg>
    <input type="range" min="0" max="1" value="0" step="1" aria-label="Timeline">
  </div>
</div>
<p class="live" aria-live="polite"></p>
`;

// A number is as wide as four digits, so that nothing beside it moves. The track's grain is black; its shadow has the text's
// colour, whatever the theme, and only the shadow is in sight.
const STYLE = `
:host { display: block; --accent: var(--ddpm-accent, #d8341b); --panel: var(--ddpm-panel, #16181b); --panel-ink: var(--ddpm-panel-ink, #eceae6); }
:host([hidden]), [hidden] { display: none !important; }
*, ::before { box-sizing: border-box; }
p { margin: 0; font: inherit; }
button { font: inherit; color: inherit; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.stage { position: relative; }
.frame { position: relative; overflow: hidden; background: var(--panel); color: var(--panel-ink);
  aspect-ratio: var(--ddpm-aspect-ratio, var(--grid, 1)); }
.frame > canvas { position: absolute; width: 100%; height: 100%; object-fit: contain; image-rendering: pixelated; cursor: pointer; }
.facade, .film, .poster, ::slotted([slot=poster]) { position: absolute; inset: 0; display: block; width: 100%; height: 100%; object-fit: contain; image-rendering: pixelated; }
.facade { pointer-events: none; }
.film { background: inherit; }

.start { position: absolute; inset: 0; margin: auto; display: grid; place-items: center; width: 4.5rem; height: 4.5rem; padding: 0; border: 0; background: var(--accent); color: #fff; }
.start svg { width: 2rem; height: 2rem; fill: currentColor; }
.start.playing:not(:hover, :focus-visible), .stage:not(:hover) .start.playing:not(:focus-visible) { opacity: 0; }
.notice { position: absolute; inset: 0 0 auto; padding: .6rem .8rem; font-size: .8125rem; background: color-mix(in srgb, var(--panel) 82%, transparent); }

.status { position: absolute; inset: auto 0 0; padding: 1rem; background: color-mix(in srgb, var(--panel) 82%, transparent); }
.status p { display: grid; grid-template-columns: 1fr 8.5em; gap: 1rem; font-size: .875rem; font-variant-numeric: tabular-nums; }
.bar { appearance: none; display: block; width: 100%; height: 3px; margin-top: .6rem; border: 0; background: #ffffff2e; }
.bar::-webkit-progress-bar { background: transparent; }
.bar::-webkit-progress-value { background: var(--accent); }
.bar::-moz-progress-bar { background: var(--accent); }
.bar:not([value])::-moz-progress-bar { background: transparent; }

.error { position: absolute; inset: 0; overflow: auto; padding: clamp(1rem, 5%, 2.5rem); display: flex; flex-direction: column;
  justify-content: end; align-items: start; gap: .5rem; background: color-mix(in srgb, var(--panel) 94%, transparent); color: var(--panel-ink); }
.error .title { font-size: 1.375rem; font-weight: 700; letter-spacing: -.02em; line-height: 1.15; }
.error p { max-width: 34em; font-size: .9375rem; line-height: 1.45; overflow-wrap: anywhere; }
.error .hint { color: color-mix(in srgb, currentColor 72%, transparent); }
.error button, .recorded button { padding: .5rem .9rem; border: 1px solid currentColor; background: none; }
.error.beside-film { inset: auto 0 0; max-height: 50%; padding: .75rem 1rem; justify-content: start; }
.controlled .error.beside-film { inset: 100% 0 auto; height: 7rem; max-height: none; }

.recorded { position: absolute; inset: .75rem auto auto .75rem; display: flex; gap: .5rem; align-items: center; font-size: .8125rem; }
.recorded b { padding: .3rem .55rem; background: var(--panel-ink); color: var(--panel); font-weight: 600; }
.recorded button { background: var(--panel); }
.drop { position: absolute; inset: 0; display: grid; place-items: center; background: color-mix(in srgb, var(--accent) 86%, transparent);
  color: #fff; font-size: 1.25rem; font-weight: 600; pointer-events: none; }

.controls { display: grid; grid-template: 2.75rem 2.75rem / 1fr auto; align-items: end; gap: .75rem 1rem; padding-top: .75rem; height: 7rem; overflow: hidden; overflow: clip; overflow-clip-margin: 1rem; }
.readout { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .5rem; font-variant-numeric: tabular-nums; }
.number { min-width: 3.7ch; font-size: 2.5rem; font-weight: 700; letter-spacing: -.045em; line-height: 1; }
.unit { font-size: .875rem; }
.readout.empty, .unusable { visibility: hidden; }
.buttons { display: flex; }
.buttons button { display: grid; place-items: center; width: 2.75rem; height: 2.75rem; padding: 0; border: 1px solid transparent; background: none; }
.buttons button:hover:not(:disabled) { border-color: currentColor; }
.buttons button:disabled { opacity: .35; cursor: default; }
.buttons .play { width: 3.75rem; margin-left: .35rem; background: var(--accent); color: #fff; }
.buttons svg { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.7; }
.buttons .solid { fill: currentColor; stroke: none; }
:not(.playing) > svg > .when-playing, .playing > svg > .when-paused { display: none; }

.timeline { --computed: 0%; grid-column: 1 / -1; position: relative; height: 2.75rem; padding-top: .25rem; }
.track { position: relative; height: 1.25rem; overflow: hidden; mask-image: linear-gradient(to right, #000 var(--computed), #0005 var(--computed)); }
.track canvas { position: absolute; top: -1.25rem; width: 100%; height: 1.25rem; image-rendering: pixelated; filter: drop-shadow(0 1.25rem 0 currentColor); }
.ticks { display: block; width: 100%; height: .375rem; margin-top: .1875rem; overflow: visible; }
.ticks path { stroke: currentColor; stroke-width: 1; opacity: .45; vector-effect: non-scaling-stroke; }
.timeline input { appearance: none; position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; background: none; cursor: ew-resize; touch-action: pan-y; }
.timeline input:disabled { cursor: default; opacity: 0; }
.timeline input::-webkit-slider-thumb { appearance: none; width: 5px; height: 2.25rem; border: 0; border-radius: 0; background: var(--accent); }
.timeline input::-moz-range-thumb { width: 5px; height: 2.25rem; border: 0; border-radius: 0; background: var(--accent); }
.timeline input::-webkit-slider-runnable-track { height: 2.25rem; }

.live { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) { .readout { flex-direction: column; gap: 0; } .number { font-size: 1.75rem; } .error .title { font-size: 1.125rem; } }
@media (prefers-reduced-motion: no-preference) { .start { transition: opacity .15s; } }
`;

let sheet;
let policy;

/** Attaches the shadow tree to `host`. */
export function attachShadowTree(host) {
  const root = host.attachShadow({ mode: "open" });
  // Where the page's policy asks for trusted types, it has to name ours.
  policy ??= globalThis.trustedTypes?.createPolicy("ddpm-canvas", { createHTML: (text) => text });
  root.innerHTML = policy ? policy.createHTML(MARKUP) : MARKUP;
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  root.adoptedStyleSheets = [sheet];
  return root;
}
