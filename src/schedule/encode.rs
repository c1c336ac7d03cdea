//! The steps of the deterministic DDIM run backwards: from a picture to its x_T.

use super::{Schedule, StepCoefficients, leading_timesteps, step_from};
use crate::error::Result;
use crate::spec::DiffusionSpec;

/// One DDIM step backwards (arXiv 2010.02502 §4.3), from t to the noisier level of `alphas_cumprod_next`:
///
/// x_next = √ᾱ_next·x̂_0 + √(1 − ᾱ_next)·ε̂
///
/// # Errors
/// As [`betas`](super::betas), or if nothing of x_0 is left at t.
///
/// # Panics
/// If t is not less than T.
pub fn ddim_reverse_step(spec: &DiffusionSpec, t: u32, alphas_cumprod_next: f64) -> Result<StepCoefficients> {
    reverse_step(spec, &Schedule::new(spec)?, t, alphas_cumprod_next)
}

fn reverse_step(spec: &DiffusionSpec, schedule: &Schedule, t: u32, next: f64) -> Result<StepCoefficients> {
    let mut step = step_from(spec, schedule, t, 1.0)?;
    step.x_start_coef = next.sqrt();
    step.pred_noise_coef = (1.0 - next).sqrt();
    Ok(step)
}

/// The steps that lead from a picture to the x from which [`ddim_steps`](super::ddim_steps) with as many steps and η = 0
/// lead back to it, in the order they are taken: t ascending.
///
/// Both ways solve one ordinary differential equation, this one by ε̂ at the beginning of each interval and the decoder by
/// ε̂ at its end, so what comes back differs from the picture by an error that falls as the steps grow. The first step
/// goes from the picture itself to the first timestep, with the ε̂ of that timestep: √ᾱ·x + √(1 − ᾱ)·ε̂.
///
/// # Errors
/// As [`ddim_steps`](super::ddim_steps).
pub fn ddim_encode_steps(spec: &DiffusionSpec, sampling_steps: u32) -> Result<Vec<StepCoefficients>> {
    let schedule = Schedule::new(spec)?;
    let mut timesteps = leading_timesteps(spec.num_timesteps, sampling_steps, spec.steps_offset)?;
    timesteps.reverse();
    let mut steps = Vec::with_capacity(timesteps.len());
    let first_alphas_cumprod = schedule.alphas_cumprod[timesteps[0] as usize];
    let mut first = reverse_step(spec, &schedule, timesteps[0], first_alphas_cumprod)?;
    (first.x_t_coef, first.x_start_coef) = (first.x_start_coef, 0.0);
    steps.push(first);
    for pair in timesteps.windows(2) {
        let next = schedule.alphas_cumprod[pair[1] as usize];
        steps.push(reverse_step(spec, &schedule, pair[0], next)?);
    }
    Ok(steps)
}
