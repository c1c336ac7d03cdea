//! The variational bound on −log p(x_0), term by term, in bits per dimension (arXiv 2006.11239 eq. 5):
//! L_T is [`prior_bpd`], L_{t−1} and L_0 are [`vb_terms`] at t > 0 and at t = 0. On the GPU: `shaders/bound.wgsl`.

use std::f64::consts::{FRAC_2_PI, LN_2};

use super::{PMeanVariance, p_mean_variance, predict_noise_from_x_start, q_mean_variance, q_posterior};
use crate::schedule::{Schedule, StepCoefficients};
use crate::spec::DiffusionSpec;

/// D_KL(N(mean1, e^log_variance1) ‖ N(mean2, e^log_variance2)) in nats.
pub fn normal_kl(mean1: f64, log_variance1: f64, mean2: f64, log_variance2: f64) -> f64 {
    let ratio = log_variance1 - log_variance2;
    0.5 * (exp_excess(ratio) + (mean1 - mean2).powi(2) * (-log_variance2).exp())
}

/// e^x − 1 − x without cancellation near 0.
fn exp_excess(x: f64) -> f64 {
    if x.abs() > 0.1 {
        return x.exp() - 1.0 - x;
    }
    // x²/2!·(1 + x/3·(1 + x/4·(…))), to x¹²/12!.
    (3..=12).rev().fold(1.0, |sum, n| 1.0 + sum * x / f64::from(n)) * x * x / 2.0
}

/// Half the distance between two of the 256 levels of a picture in \[−1, 1\].
pub const HALF_LEVEL: f64 = 1.0 / 255.0;

/// Below this, no probability of a level counts: −39.9 bits.
pub const LEAST_PROBABILITY: f64 = 1e-12;

/// ln of the probability that N(mean, e^{2·log_scale}) gives the level that `x` is, one of 256 in \[−1, 1\]; the first and
/// the last are open (arXiv 2006.11239 eq. 13). At least ln 1e-12.
///
/// Φ(z) is ½·(1 + tanh u(z)), u(z) = √(2/π)·(z + 0.044715·z³), within 2e-4, as Ho et al. compute it and all who compare with
/// them. With σ for the logistic function that is σ(2u), so ln(Φ(a) − Φ(b)) = ln σ(2u(a)) + ln σ(−2u(b)) + ln(1 − e^{−2(u(a) − u(b))}),
/// in which nothing cancels.
pub fn discretized_gaussian_log_likelihood(x: f64, mean: f64, log_scale: f64) -> f64 {
    let inverse_scale = (-log_scale).exp();
    // Beyond ±30 nothing is left of either side, and the cube stays finite whatever the scale.
    let score = |difference: f64| (inverse_scale * difference).clamp(-30.0, 30.0);
    let (upper, lower) = (score(x - mean + HALF_LEVEL), score(x - mean - HALF_LEVEL));
    let root = 2.0 * FRAC_2_PI.sqrt();
    let logit = |z: f64| root * (z + 0.044715 * z.powi(3));
    let log_probability = if x < -0.999 {
        log_sigmoid(logit(upper))
    } else if x > 0.999 {
        log_sigmoid(-logit(lower))
    } else {
        let width = inverse_scale * 2.0 * HALF_LEVEL;
        let between = root * width * (1.0 + 0.044715 * (upper * upper + upper * lower + lower * lower));
        log_sigmoid(logit(upper)) + log_sigmoid(-logit(lower)) + (-(-between).exp_m1()).ln()
    };
    log_probability.max(LEAST_PROBABILITY.ln())
}

/// ln(1 / (1 + e^{−x})).
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// L_T: D_KL(q(x_T | x_0) ‖ N(0, I)) in bits per dimension, of one picture.
pub fn prior_bpd(schedule: &Schedule, x_start: &[f64]) -> f64 {
    let q = q_mean_variance(schedule, x_start, schedule.betas.len() as u32 - 1);
    mean_bits(q.mean.iter().map(|&mean| normal_kl(mean, q.log_variance, 0.0, 0.0)))
}

/// One term of the bound, of one picture and one draw of x_t, and what else is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundTerm {
    /// L_{t−1} = D_KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)), or at t = 0 L_0 = −ln p(x_0 | x_1); bits per dimension.
    pub vb: f64,
    /// Mean of (x_0 − x̂_0)², the distortion of a code that ends here (§4.3).
    pub xstart_mse: f64,
    /// Mean of (ε − ε̂)², ε̂ that of x̂_0.
    pub mse: f64,
}

/// The term of the bound at `step.t`, where `step` is of the full chain, `ddpm_steps(spec, spec.num_timesteps)`.
pub fn vb_terms(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    step: &StepCoefficients,
    x_start: &[f64],
    x_t: &[f64],
    model_output: &[f64],
) -> (f64, PMeanVariance) {
    let q = q_posterior(schedule, x_start, x_t, step.t);
    let p = p_mean_variance(spec, step, x_t, model_output);
    let bits = mean_bits((0..x_start.len()).map(|i| {
        if step.t == 0 {
            -discretized_gaussian_log_likelihood(x_start[i], p.mean[i], 0.5 * p.log_variance[i])
        } else {
            normal_kl(q.mean[i], q.log_variance, p.mean[i], p.log_variance[i])
        }
    }));
    (bits, p)
}

/// [`vb_terms`] with the errors of x̂_0 and ε̂ beside it, as the whole bound lists them; `noise` is that in x_t.
pub fn bound_term(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    step: &StepCoefficients,
    [x_start, x_t, noise]: [&[f64]; 3],
    model_output: &[f64],
) -> BoundTerm {
    let (vb, p) = vb_terms(spec, schedule, step, x_start, x_t, model_output);
    let pred_noise = predict_noise_from_x_start(step, x_t, &p.pred_x_start);
    BoundTerm {
        vb,
        xstart_mse: mean_squared_error(x_start, &p.pred_x_start),
        mse: mean_squared_error(noise, &pred_noise),
    }
}

/// Mean of nats, in bits.
fn mean_bits(nats: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = nats.len() as f64;
    nats.sum::<f64>() / n / LN_2
}

pub(super) fn mean_squared_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "slices of one sample");
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
}
