/** Whether another system computes the same network. */

const STEPS = 4;

/**
 * Largest |Δ|: of `peer`'s ε̂ to PyTorch's for the input in `facts`, and of the states of a short DDIM chain (η = 0) whose ε̂ is
 * `peer`'s to ours from the same noise.
 */
export async function difference(ours, peer, facts) {
  const { sample, timestep, output } = facts.reference;
  const pytorch = largest(await peer.predict(sample, timestep[0]), output);
  const { states, timesteps } = await ours.chain(STEPS);
  let chain = 0;
  for (const [step, t] of timesteps.entries()) {
    const epsilon = await peer.predict(states[step], t);
    const next = ddim(states[step], epsilon, facts.alphas_cumprod[t], facts.alphas_cumprod[timesteps[step + 1]] ?? 1);
    chain = Math.max(chain, largest(next, states[step + 1]));
  }
  return { pytorch, chain };
}

/** Eq. 12 of arXiv 2010.02502 with x̂_0 clipped to [-1, 1] and ε̂ taken from it anew; ᾱ before the step and after. */
function ddim(x, epsilon, alpha, nextAlpha) {
  return x.map((value, ix) => {
    const start = (value - Math.sqrt(1 - alpha) * epsilon[ix]) / Math.sqrt(alpha);
    const clipped = Math.min(1, Math.max(-1, start));
    const direction = (value - Math.sqrt(alpha) * clipped) / Math.sqrt(1 - alpha);
    return Math.sqrt(nextAlpha) * clipped + Math.sqrt(1 - nextAlpha) * direction;
  });
}

function largest(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  return a.reduce((most, value, ix) => Math.max(most, Math.abs(value - b[ix])), 0);
}
