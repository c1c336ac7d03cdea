//! The bound's term of one element and its gradient, for `training_loss.rs`: that of the densities of
//! `shaders/include/bound.wgsl`, which the host has in [`crate::diffusion::bound`].

use std::f64::consts::FRAC_2_PI;

use crate::diffusion::bound::{
    HALF_LEVEL, LEAST_PROBABILITY, discretized_gaussian_log_likelihood, normal_kl,
};
use crate::ops::training_loss::LossCoefficients;

/// A term of the bound for one element, and its gradient in the network's mean and ln σ².
pub struct BoundTerm {
    /// The term.
    pub nats: f64,
    /// Its gradient in the mean.
    pub d_mean: f64,
    /// Its gradient in ln σ².
    pub d_log_variance: f64,
}

/// The term at `t`. `mean_error` is what the network's mean should be, less what it is; `learned` is what it adds to the
/// log-variance.
pub fn bound_term(at: &LossCoefficients, t: u32, x_0: f64, mean_error: f64, learned: f64) -> BoundTerm {
    let log_variance = f64::from(at.log_variance) + learned;
    if t == 0 {
        return decoder_term(x_0, mean_error, log_variance);
    }
    let posterior = f64::from(at.log_variance) + f64::from(at.log_variance_excess);
    let inverse_variance = (-log_variance).exp();
    BoundTerm {
        nats: normal_kl(mean_error, posterior, 0.0, log_variance),
        d_mean: -mean_error * inverse_variance,
        d_log_variance: -0.5
            * (exp_minus_one(posterior - log_variance) + mean_error * mean_error * inverse_variance),
    }
}

/// −ln p(x_0): [`discretized_gaussian_log_likelihood`]'s three logarithms are differentiated here one by one.
fn decoder_term(x_0: f64, mean_error: f64, log_variance: f64) -> BoundTerm {
    let log_scale = 0.5 * log_variance;
    let log_probability = discretized_gaussian_log_likelihood(x_0, x_0 - mean_error, log_scale);
    if log_probability <= LEAST_PROBABILITY.ln() {
        return BoundTerm { nats: -log_probability, d_mean: 0.0, d_log_variance: 0.0 };
    }
    // Where the two edges of x_0's level are, in standard deviations from the mean.
    let inverse_scale = (-log_scale).exp().min(1e30);
    let edge = |distance: f64| (inverse_scale * (mean_error + distance)).clamp(-30.0, 30.0);
    let (upper, lower, width) = (edge(HALF_LEVEL), edge(-HALF_LEVEL), inverse_scale * 2.0 * HALF_LEVEL);
    // ∂ln p / ∂z of an edge at z is ∂ln p / ∂logit times the logit's slope.
    let mut d_upper = sigmoid(-cdf_logit(upper)) * logit_slope(upper);
    let mut d_lower = -sigmoid(cdf_logit(lower)) * logit_slope(lower);
    // The same of the third, ln(1 − e^{−w}), w the logits' distance: through both edges at once (d_shift), and through both in
    // proportion to where they are (d_stretch), divided by the edges' distance until nothing can cancel.
    let (mut d_shift, mut d_stretch) = (0.0, 0.0);
    if x_0 < -0.999 {
        d_lower = 0.0;
    } else if x_0 > 0.999 {
        d_upper = 0.0;
    } else {
        let squares = upper * upper + upper * lower + lower * lower;
        let share = width / exp_minus_one(cdf_slope() * width * (1.0 + CDF_CUBE * squares));
        d_shift = share * cdf_slope() * 3.0 * CDF_CUBE * (upper + lower);
        d_stretch = share * cdf_slope() * (1.0 + 3.0 * CDF_CUBE * squares);
    }
    // An edge is at (x_0 − mean ± half a level)·e^{−log_scale}.
    let d_centred = (d_upper + d_lower + d_shift) * inverse_scale;
    let d_log_scale = -(d_upper * upper + d_lower * lower + d_stretch);
    BoundTerm { nats: -log_probability, d_mean: d_centred, d_log_variance: -0.5 * d_log_scale }
}

const CDF_CUBE: f64 = 0.044715;

/// √(8/π).
fn cdf_slope() -> f64 {
    2.0 * FRAC_2_PI.sqrt()
}

/// √(8/π)·(z + 0.044715·z³): Φ(z) is its logistic function.
fn cdf_logit(z: f64) -> f64 {
    cdf_slope() * (z + CDF_CUBE * z.powi(3))
}

/// The derivative of [`cdf_logit`].
fn logit_slope(z: f64) -> f64 {
    cdf_slope() * (1.0 + 3.0 * CDF_CUBE * z * z)
}

/// 1 / (1 + e^{−x}).
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// e^x − 1; at most e^80.
fn exp_minus_one(x: f64) -> f64 {
    x.min(80.0).exp_m1()
}
