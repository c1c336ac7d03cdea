//! Annealed Langevin dynamics with the network of a diffusion process: the other reading of ε̂ (arXiv 2006.11239 §3.2).
//!
//! ε̂ is a score: ∇ ln q(x_t) ≈ s = −ε̂ / √(1 − ᾱ_t). Langevin dynamics of step size α at the level of t is
//!
//! x ← x + (α / 2)·s + √α·z
//!
//! and its annealing goes through the levels from the noisiest to the cleanest (arXiv 1907.05600, Algorithm 1). There
//! every level is x_0 + σ·noise; here x_t = √ᾱ_t·(x_0 + √(1/ᾱ_t − 1)·noise), so on the way from t to the level before it
//! x is multiplied by √(ᾱ_before / ᾱ_t).

use super::{Schedule, StepCoefficients, leading_timesteps, step_from};
use crate::error::{Error, Result, decimal};
use crate::spec::DiffusionSpec;

/// Updates at one level, or times one step is taken, at most: their noises' counters stay below 2³².
pub const MAX_UPDATES: u32 = 1000;

/// One Langevin update at t, scaled to the level `before` it (`None` is the picture; t itself leaves x where it is):
///
/// x ← √(ᾱ_before / ᾱ_t)·(x − (`step_size` / 2)·ε̂ / √(1 − ᾱ_t)) + `noise`·z
///
/// Langevin dynamics has `noise` = √(ᾱ_before / ᾱ_t · `step_size`). With `step_size` = 2·β_t and `noise` = σ_t it is the
/// step of Algorithm 2, exactly, wherever x̂_0 is not clipped: eq. 11's mean is (x_t + β_t·s) / √α_t. Of the variance
/// 2·β_t that Langevin dynamics would add, Algorithm 2 adds half, since it goes down one level by the same step.
///
/// # Errors
/// As [`betas`](super::betas), or if nothing of x_0 is left at t.
///
/// # Panics
/// If t or `before` is not less than T.
pub fn langevin_update(
    spec: &DiffusionSpec,
    t: u32,
    before: Option<u32>,
    step_size: f64,
    noise: f64,
) -> Result<StepCoefficients> {
    update(spec, &Schedule::new(spec)?, t, before, step_size, noise)
}

fn update(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    t: u32,
    before: Option<u32>,
    step_size: f64,
    noise: f64,
) -> Result<StepCoefficients> {
    let mut step = step_from(spec, schedule, t, 1.0)?;
    step.x_t_coef = scale(schedule, t, before);
    step.pred_noise_coef = -step.x_t_coef * 0.5 * step_size / step.sqrt_one_minus_alphas_cumprod;
    step.sigma = noise;
    Ok(step)
}

/// √(ᾱ_before / ᾱ_t).
fn scale(schedule: &Schedule, t: u32, before: Option<u32>) -> f64 {
    let of = |t: u32| schedule.alphas_cumprod[t as usize];
    (before.map_or(1.0, of) / of(t)).sqrt()
}

/// The steps of annealed Langevin dynamics, in the order they are taken: at each of `levels` timesteps, descending,
/// `updates` updates, and at the end one step to x̂_0.
///
/// The step size α keeps the ratio of the score's part to the noise's, ‖(α/2)·s‖ / ‖√α·z‖, at `snr` on every level:
/// ‖s‖ ≈ ‖z‖ / √(1 − ᾱ_t), so α = (2·`snr`)²·(1 − ᾱ_t). That is Song and Ermon's rule α ∝ σ²
/// (arXiv 1907.05600 §4.3) on our scale.
///
/// Steps of finite size end with too much noise: those on N(0, v) with the variance v / (1 − α / 4v). Where x_0 is certain, v is
/// 1 − ᾱ_t and the excess 1 / (1 − `snr`²); the network is told t and takes more noise for something. So the noise here is
/// √(α·(1 − `snr`²))·z, which leaves 1 − ᾱ_t exactly.
///
/// # Errors
/// As [`leading_timesteps`], if `updates` is 0 or more than [`MAX_UPDATES`], or `snr` is not between 0 and 1.
pub fn langevin_steps(
    spec: &DiffusionSpec,
    levels: u32,
    updates: u32,
    snr: f64,
) -> Result<Vec<StepCoefficients>> {
    if updates == 0 || updates > MAX_UPDATES {
        return Err(Error::input(format!(
            "Langevin updates a level: expected 1 to {MAX_UPDATES}, found {updates}"
        )));
    }
    if !(snr > 0.0 && snr < 1.0) {
        return Err(Error::input(format!(
            "Langevin signal-to-noise ratio: expected more than 0 and less than 1, found {}",
            decimal(snr)
        )));
    }
    let schedule = Schedule::new(spec)?;
    let timesteps = leading_timesteps(spec.num_timesteps, levels, spec.steps_offset)?;
    let mut steps = Vec::with_capacity(timesteps.len() * updates as usize + 1);
    for (ix, &t) in timesteps.iter().enumerate() {
        let step_size = (2.0 * snr).powi(2) * (1.0 - schedule.alphas_cumprod[t as usize]);
        for k in 0..updates {
            // The last update of a level leads to the next; the last level's stays, for the step to x̂_0.
            let before = if k + 1 == updates { timesteps.get(ix + 1).copied().unwrap_or(t) } else { t };
            let noise = scale(&schedule, t, Some(before)) * (step_size * (1.0 - snr * snr)).sqrt();
            let mut step = update(spec, &schedule, t, Some(before), step_size, noise)?;
            step.noise_t = t + k * spec.num_timesteps;
            steps.push(step);
        }
    }
    let last = timesteps[timesteps.len() - 1];
    let mut denoise = step_from(spec, &schedule, last, 1.0)?;
    denoise.x_start_coef = 1.0;
    steps.push(denoise);
    Ok(steps)
}
