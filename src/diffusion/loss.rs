//! What a network is trained on: the losses of `GaussianDiffusion.training_losses` (guided-diffusion), one picture at one t.
//! On the GPU: `shaders/training_loss.wgsl`, by the numbers of [`loss_coefficients`].

use super::bound::{mean_squared_error, vb_terms};
use super::{combine, mean_part, q_posterior};
use crate::error::Result;
use crate::schedule::{Schedule, StepCoefficients, ddpm_steps};
use crate::spec::{DiffusionSpec, LossType, PredictionType, VarianceType};

/// The loss of one picture, and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingLoss {
    /// What is minimised: the sum of the parts.
    pub loss: f64,
    /// The squared error's part, weighted by min-SNR-γ where that is wanted.
    pub mse: Option<f64>,
    /// The bound's part, scaled as the [`LossType`] says.
    pub vb: Option<f64>,
}

/// What the network's output should be: ε, x_0, the mean of q(x_{t−1} | x_t, x_0), or v, by the spec's [`PredictionType`].
pub fn training_target(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    t: u32,
    [x_start, x_t, noise]: [&[f64]; 3],
) -> Vec<f64> {
    let ix = t as usize;
    match spec.prediction_type {
        PredictionType::Epsilon => noise.to_vec(),
        PredictionType::Sample => x_start.to_vec(),
        PredictionType::PreviousX => q_posterior(schedule, x_start, x_t, t).mean,
        PredictionType::V => combine(
            (schedule.sqrt_alphas_cumprod[ix], noise),
            (-schedule.sqrt_one_minus_alphas_cumprod[ix], x_start),
        ),
    }
}

/// How often the squared error of what is predicted counts at `t`, so that x̂_0's counts min(SNR, γ) times (arXiv 2303.09556
/// §3.4), SNR = ᾱ_t / (1 − ᾱ_t): min(SNR, γ) / SNR for ε, min(SNR, γ) for x_0, min(SNR, γ) / (SNR + 1) for v, and min(SNR, γ) /
/// `posterior_mean_coef1[t]`² for the previous x, which is not in that paper.
pub fn min_snr_weight(spec: &DiffusionSpec, schedule: &Schedule, gamma: f64, t: u32) -> f64 {
    let ix = t as usize;
    let signal = schedule.alphas_cumprod[ix];
    let snr = signal / (1.0 - signal);
    // Its weight if all of the SNR counted; finite where that is 0, too.
    let unlimited = match spec.prediction_type {
        PredictionType::Epsilon => 1.0,
        PredictionType::Sample => snr,
        PredictionType::PreviousX => snr / schedule.posterior_mean_coef1[ix].powi(2),
        PredictionType::V => signal,
    };
    (gamma / snr).min(1.0) * unlimited
}

/// What the bound's term at a t is multiplied with in the loss; 0 where the loss has none.
pub fn bound_scale(spec: &DiffusionSpec, loss: LossType) -> f64 {
    let has_bound = !loss.has_mse() || spec.variance_type.is_learned();
    let scale = match loss {
        LossType::Mse | LossType::Kl => 1.0,
        LossType::RescaledMse => f64::from(spec.num_timesteps) / 1000.0,
        LossType::RescaledKl => f64::from(spec.num_timesteps),
    };
    if has_bound { scale } else { 0.0 }
}

/// The loss of one picture at `step.t`, where `step` is of the full chain, as in [`vb_terms`]. Nothing is clipped, whatever
/// the spec says. `x_t` holds `noise` (see [`q_sample`](super::q_sample)).
pub fn training_losses(
    spec: &DiffusionSpec,
    (loss, min_snr_gamma): (LossType, Option<f64>),
    schedule: &Schedule,
    step: &StepCoefficients,
    [x_start, x_t, noise]: [&[f64]; 3],
    model_output: &[f64],
) -> TrainingLoss {
    let mse = loss.has_mse().then(|| {
        let target = training_target(spec, schedule, step.t, [x_start, x_t, noise]);
        let weight = min_snr_gamma.map_or(1.0, |gamma| min_snr_weight(spec, schedule, gamma, step.t));
        weight * mean_squared_error(&target, mean_part(model_output, x_t.len()))
    });
    let scale = bound_scale(spec, loss);
    let vb = (scale > 0.0).then(|| {
        let unclipped = DiffusionSpec { clip_sample: false, ..spec.clone() };
        scale * vb_terms(&unclipped, schedule, step, x_start, x_t, model_output).0
    });
    TrainingLoss { loss: mse.unwrap_or(0.0) + vb.unwrap_or(0.0), mse, vb }
}

/// The numbers of the loss at one t; cast to f32 they are what the GPU's kernel reads.
///
/// Targets and means are linear in x_0, ε and the network's output o, so that with the error e = target − o, target =
/// `target_of_x_start`·x_0 + `target_of_noise`·ε, the mean of q(x_{t−1} | x_t, x_0) less the network's is `mean_of_output`·e:
/// nothing of what both have in common need be subtracted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossCoefficients {
    /// The target's part of x_0.
    pub target_of_x_start: f64,
    /// The target's part of ε.
    pub target_of_noise: f64,
    /// How often e² counts; 0 in a loss without it.
    pub mse_weight: f64,
    /// The mean of the reverse step for one of the output; 0 in a loss without the bound.
    pub mean_of_output: f64,
    /// The network's log-variance where its learned output is 0, or the variance is fixed.
    pub log_variance: f64,
    /// ln β̃_t, that of q(x_{t−1} | x_t, x_0), less `log_variance`: at late t next to nothing.
    pub log_variance_excess: f64,
    /// What one of its learned output adds to that.
    pub log_variance_of_output: f64,
}

/// The numbers of the loss at t = 0 to T − 1.
///
/// # Errors
/// As [`Schedule::new`]; where the bound is a part, as [`ddpm_steps`] for the full chain.
pub fn loss_coefficients(
    spec: &DiffusionSpec,
    loss: LossType,
    min_snr_gamma: Option<f64>,
) -> Result<Vec<LossCoefficients>> {
    let schedule = Schedule::new(spec)?;
    let mut coefficients: Vec<LossCoefficients> = (0..spec.num_timesteps)
        .map(|t| {
            let (target_of_x_start, target_of_noise) = target_coefficients(spec, &schedule, t as usize);
            let weight = min_snr_gamma.map_or(1.0, |gamma| min_snr_weight(spec, &schedule, gamma, t));
            LossCoefficients {
                target_of_x_start,
                target_of_noise,
                mse_weight: if loss.has_mse() { weight } else { 0.0 },
                mean_of_output: 0.0,
                log_variance: 0.0,
                log_variance_excess: 0.0,
                log_variance_of_output: 0.0,
            }
        })
        .collect();
    if bound_scale(spec, loss) > 0.0 {
        // The offset is for respaced chains; there is none that is full.
        let full = DiffusionSpec { steps_offset: 0, ..spec.clone() };
        for step in ddpm_steps(&full, full.num_timesteps)? {
            let at = &mut coefficients[step.t as usize];
            at.mean_of_output = step.x_start_coef * step.x_start_of_output + step.output_coef;
            (at.log_variance, at.log_variance_of_output) = log_variance_coefficients(spec, &step);
            at.log_variance_excess =
                schedule.posterior_log_variance_clipped[step.t as usize] - at.log_variance;
        }
    }
    Ok(coefficients)
}

/// [`training_target`]'s parts of x_0 and of ε.
fn target_coefficients(spec: &DiffusionSpec, schedule: &Schedule, t: usize) -> (f64, f64) {
    let (signal, noise) = (schedule.sqrt_alphas_cumprod[t], schedule.sqrt_one_minus_alphas_cumprod[t]);
    match spec.prediction_type {
        PredictionType::Epsilon => (0.0, 1.0),
        PredictionType::Sample => (1.0, 0.0),
        PredictionType::PreviousX => {
            let of_x_t = schedule.posterior_mean_coef2[t];
            (schedule.posterior_mean_coef1[t] + of_x_t * signal, of_x_t * noise)
        }
        PredictionType::V => (-noise, signal),
    }
}

/// The log-variance where the learned output is 0, and what one of that adds.
fn log_variance_coefficients(spec: &DiffusionSpec, step: &StepCoefficients) -> (f64, f64) {
    let (min, max) = (step.min_log_variance, step.max_log_variance);
    match spec.variance_type {
        VarianceType::FixedSmall | VarianceType::FixedLarge => (max, 0.0),
        VarianceType::Learned => (0.0, 1.0),
        VarianceType::LearnedRange => (0.5 * (max + min), 0.5 * (max - min)),
    }
}
