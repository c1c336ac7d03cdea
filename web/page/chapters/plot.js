/** Curves in SVG, with a mark that moves. */

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [300, 120];

/**
 * A curve over the steps of noise, drawn once; `mark(x)` moves the mark there.
 * @param {SVGElement} svg
 * @param {{points: [number, number][], xRange: [number, number], yRange: [number, number], log?: boolean}} curve
 */
export function plot(svg, { points, xRange, yRange, log = false }) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const scale = log ? Math.log10 : (value) => value;
  const share = (value, [from, to]) => (value - from) / (to - from);
  const place = ([x, y]) => [WIDTH * share(x, xRange), HEIGHT * (1 - share(scale(y), yRange.map(scale)))];
  const line = element("path", { class: "curve", d: pathOf(points.map(place)) });
  const rule = element("path", { class: "rule" });
  const dot = element("path", { class: "mark" });
  svg.replaceChildren(element("path", { class: "axis", d: `M0 ${HEIGHT}H${WIDTH}` }), rule, line, dot);
  return {
    mark(x) {
      const [left, top] = place(points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best)));
      rule.setAttribute("d", `M${left.toFixed(1)} 0V${HEIGHT}`);
      dot.setAttribute("d", `M${left.toFixed(1)} ${Math.min(HEIGHT, Math.max(0, top)).toFixed(1)}h0`);
    },
  };
}

/** Bars of how often values fall between −`most` and `most`, under the standard normal's density. */
export function histogram(svg, { bins, most, tallest }) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const density = (x) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  const height = (value) => HEIGHT * (1 - Math.min(1, value / tallest));
  const normal = Array.from({ length: 101 }, (_, ix) => [(WIDTH * ix) / 100, height(density(most * (ix / 50 - 1)))]);
  const bars = element("path", { class: "bars" });
  svg.replaceChildren(bars, element("path", { class: "axis", d: `M0 ${HEIGHT}H${WIDTH}` }), element("path", { class: "normal", d: pathOf(normal) }));
  return {
    show(values) {
      const counts = new Float64Array(bins);
      for (const value of values) {
        const bin = Math.floor((value / most + 1) * 0.5 * bins);
        if (bin >= 0 && bin < bins) counts[bin] += 1;
      }
      const [width, unit] = [WIDTH / bins, (2 * most) / bins];
      const bar = (count, ix) => `M${(ix * width).toFixed(1)} ${HEIGHT}V${height(count / values.length / unit).toFixed(1)}h${(width - 1).toFixed(1)}V${HEIGHT}`;
      bars.setAttribute("d", Array.from(counts, bar).join(""));
    },
  };
}

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function pathOf(points) {
  return points.map(([x, y], ix) => `${ix ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}
