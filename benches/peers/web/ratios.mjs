/** Medians and ratios of measurements that were taken in turn. */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, least and most. */
export function spread(values) {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** `theirs` divided by `ours`, round by round: what load there was befell both. */
export function ratios(theirs, ours) {
  return spread(theirs.map((time, round) => time / ours[round]));
}

/** "median (least to most)". */
export function words({ median, least, most }, digits) {
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** A Markdown table; all columns but the first `left` are numbers. */
export function table(head, rows, left = 1) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, ix) => (ix < left ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
