//! Steps that are taken again and again, for inpainting to fit (RePaint, arXiv 2201.09865 §4.2).

use super::{MAX_UPDATES, StepCoefficients};
use crate::error::{Error, Result};

/// `steps`, each but the last taken `times` times: all but the last time, what it leads to is noised back to where it began,
/// x_t = c·x_prev + √(1 − c²)·z with c = √(ᾱ_t / ᾱ_prev).
///
/// There and back is one step of the same form, of c times the mean and of variance c²·σ² + 1 − c²: the network is
/// evaluated once for both.
///
/// # Errors
/// If `times` is 0 or more than [`MAX_UPDATES`].
pub fn resampled_steps(
    num_timesteps: u32,
    steps: &[StepCoefficients],
    times: u32,
) -> Result<Vec<StepCoefficients>> {
    if times == 0 || times > MAX_UPDATES {
        return Err(Error::input(format!("resampling: expected 1 to {MAX_UPDATES} times, found {times}")));
    }
    let mut resampled = Vec::with_capacity(steps.len() * times as usize);
    for (ix, step) in steps.iter().enumerate() {
        if let Some(next) = steps.get(ix + 1) {
            let c = step.sqrt_alphas_cumprod / next.sqrt_alphas_cumprod;
            let there_and_back = StepCoefficients {
                x_start_coef: c * step.x_start_coef,
                x_t_coef: c * step.x_t_coef,
                output_coef: c * step.output_coef,
                pred_noise_coef: c * step.pred_noise_coef,
                sigma: (c * c * step.sigma * step.sigma + 1.0 - c * c).sqrt(),
                ..*step
            };
            resampled.extend(
                (1..times)
                    .map(|k| StepCoefficients { noise_t: step.t + k * num_timesteps, ..there_and_back }),
            );
        }
        resampled.push(*step);
    }
    Ok(resampled)
}
