//! Langevin dynamics: the predicted noise as a score (§3.2).

use super::combine;
use crate::schedule::StepCoefficients;

/// s(x_t) ≈ ∇ ln q(x_t) = −ε̂ / √(1 − ᾱ_t).
pub fn score(step: &StepCoefficients, pred_noise: &[f64]) -> Vec<f64> {
    pred_noise.iter().map(|noise| -noise / step.sqrt_one_minus_alphas_cumprod).collect()
}

/// One update of Langevin dynamics: x + (`step_size` / 2)·`score` + √`step_size`·noise (arXiv 1907.05600 eq. 4).
/// [`langevin_steps`](crate::schedule::langevin_steps) has the sizes of a whole annealing.
pub fn langevin_step(x: &[f64], score: &[f64], step_size: f64, noise: &[f64]) -> Vec<f64> {
    combine((1.0, &combine((1.0, x), (0.5 * step_size, score))), (step_size.sqrt(), noise))
}
