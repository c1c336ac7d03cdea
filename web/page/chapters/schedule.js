/** The forward process in numbers (arXiv 2006.11239, section 2). `noise` counts steps of noise: 0 is the picture, T nothing but noise. */

/** The paper's: β from 1e-4 to 0.02 in T = 1000 steps. */
export function linearBetas(count = 1000) {
  return Float64Array.from({ length: count }, (_, ix) => 1e-4 + ((0.02 - 1e-4) * ix) / (count - 1));
}

/** ᾱ after 0 to T steps of noise: the product of 1 − β of the steps taken. */
export function alphasCumprod(betas) {
  const products = new Float64Array(betas.length + 1).fill(1);
  betas.forEach((beta, ix) => (products[ix + 1] = products[ix] * (1 - beta)));
  return products;
}

/** x_t = √ᾱ·x_0 + √(1 − ᾱ)·ε (eq. 4). */
export function qSample(xStart, noise, alphaCumprod) {
  const [signal, deviation] = [Math.sqrt(alphaCumprod), Math.sqrt(1 - alphaCumprod)];
  return xStart.map((value, ix) => signal * value + deviation * noise[ix]);
}

/** The last timestep of a chain of `steps` equally spaced ones that has at most `noise` steps of noise, as steps of noise. */
export function nearestStep(noise, steps, total) {
  const spacing = Math.floor(total / steps);
  return Math.min(steps - 1, Math.floor((noise - 1) / spacing)) * spacing + 1;
}
