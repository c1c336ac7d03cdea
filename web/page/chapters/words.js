/** Numbers for readers. */

/** Three digits that count: 0.0123, 12.3, 4.5·10⁻⁵. */
export function digits(value) {
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent > 5) return `${minus((value / 10 ** exponent).toFixed(1))}·10${superscript(exponent)}`;
  return minus(value.toFixed(Math.max(0, 2 - exponent)));
}

/** With a true minus sign. */
export function minus(text) {
  return text.replace("-", "−");
}

/** "1 step of noise", "300 steps of noise". */
export function stepsOfNoise(noise) {
  return noise === 1 ? "1 step of noise" : `${noise} steps of noise`;
}

function superscript(number) {
  return String(number).replace(/./g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
}
