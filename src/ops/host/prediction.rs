//! Host half of `shaders/include/prediction.wgsl`: what a network's output says of one element.

use super::math::exp;
use super::variance::{is_learned, log_variance};
use crate::ops::chain::StepCoefficients;
use crate::ops::p_sample::PSample;

/// The network's word on one element, guided where there is one of the null class too (arXiv 2207.12598, eq. 6).
#[inline(always)]
pub fn guided_output(params: &PSample, label: f32, null_class: Option<f32>) -> f32 {
    match null_class {
        Some(null_class) => (1.0 - params.guidance) * null_class + params.guidance * label,
        None => label,
    }
}

/// x̂_0 and ε̂ of one element.
pub struct Prediction {
    /// x̂_0.
    pub x_start: f32,
    /// ε̂.
    pub noise: f32,
}

/// x̂_0, clipped where `params` says so, and the ε̂ that fits it, or the network's own.
#[inline(always)]
pub fn predict(params: &PSample, step: &StepCoefficients, x_t: f32, output: f32) -> Prediction {
    let mut x_start = step.x_start_of_x_t * x_t + step.x_start_of_output * output;
    let mut noise = step.noise_of_x_t * x_t + step.noise_of_output * output;
    if params.clip == 1 && x_start.abs() > 1.0 {
        x_start = x_start.clamp(-1.0, 1.0);
        if params.pred_noise_from_network == 0 {
            noise = (x_t - step.sqrt_alphas_cumprod * x_start) / step.sqrt_one_minus_alphas_cumprod;
        }
    }
    Prediction { x_start, noise }
}

/// The factor of z for one element, on whose variance the network's word is `output`.
#[inline(always)]
pub fn standard_deviation(step: &StepCoefficients, variance_type: u32, output: f32) -> f32 {
    if !is_learned(variance_type) || step.sigma == 0.0 {
        return step.sigma;
    }
    step.sigma * exp(0.5 * log_variance(step, variance_type, output))
}
