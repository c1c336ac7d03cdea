/** What of a session's wishes a chain is made of. */

/** Steps of a DDIM chain when the attribute does not say. */
const DDIM_STEPS = 50;

/** When this text changes, the chain starts over. */
export function chainOf({ count, sampler, steps, eta, label, guidance }) {
  return JSON.stringify([count, sampler, steps, eta, label, guidance]);
}

/** Steps of the chain that is wished for, of a model with these facts. */
export function stepsOf({ sampler, steps }, { num_timesteps: most }) {
  return Math.min(most, steps ?? (sampler === "ddim" ? DDIM_STEPS : most));
}
