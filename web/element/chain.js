/** What of a session's wishes a chain is made of. */

/** Steps of a DDIM chain when the attribute does not say. */
const DDIM_STEPS = 50;

/** When this text changes, the chain starts over. */
export function chainOf({ count, sampler, steps, eta, label, guidance, from }) {
  return JSON.stringify([count, sampler, steps, eta, label, guidance, from?.number]);
}

/** x_t of `count` pictures: those of `x`, [N, C, H, W], or its only one for all. */
export function startOf(x, count, { width, height, channels }) {
  const elements = channels * height * width;
  if (x.length !== elements) return x.subarray(0, count * elements);
  const all = new Float32Array(count * elements);
  for (let picture = 0; picture < count; picture += 1) all.set(x, picture * elements);
  return all;
}

/** Steps of the chain that is wished for, of a model with these facts. */
export function stepsOf({ sampler, steps }, { num_timesteps: most }) {
  return Math.min(most, steps ?? (sampler === "ddim" ? DDIM_STEPS : most));
}
