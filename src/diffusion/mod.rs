//! The mathematics of diffusion on the host, in f64: the forward process q, the reverse process p, and DDIM.
//!
//! Every function takes one sample at one timestep, as a slice in any layout; functions of q read the
//! [`Schedule`] at t, those of p read the [`StepCoefficients`] of one step of a chain, the same numbers that
//! the GPU's kernel reads. For p at any t of the full process, take `ddpm_steps(spec, spec.num_timesteps)`,
//! whose step T − 1 − t is that of t.
//!
//! `model_output` is the network's, C channels in the layout of x_t; a learned variance appends C more, and
//! functions that need no variance ignore them. Equation numbers are those of arXiv 2006.11239 unless another
//! paper is named.
//!
//! # Panics
//! All panic if their slices' lengths do not agree.

pub mod bound;
mod langevin;
pub mod loss;

pub use langevin::{langevin_step, score};

use crate::schedule::{Schedule, StepCoefficients};
use crate::spec::{DiffusionSpec, VarianceType};

/// A Gaussian whose variance is the same for every element.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// The mean, like x.
    pub mean: Vec<f64>,
    /// The variance.
    pub variance: f64,
    /// Its logarithm; of the posterior, clipped at t = 0 (see [`q_posterior`]).
    pub log_variance: f64,
}

/// q(x_t | x_0) = N(√ᾱ_t·x_0, 1 − ᾱ_t) (eq. 4).
pub fn q_mean_variance(schedule: &Schedule, x_start: &[f64], t: u32) -> Gaussian {
    let t = t as usize;
    let scale = schedule.sqrt_alphas_cumprod[t];
    Gaussian {
        mean: x_start.iter().map(|x0| scale * x0).collect(),
        variance: 1.0 - schedule.alphas_cumprod[t],
        log_variance: schedule.log_one_minus_alphas_cumprod[t],
    }
}

/// A draw of x_t ~ q(x_t | x_0): √ᾱ_t·x_0 + √(1 − ᾱ_t)·noise (eq. 4).
pub fn q_sample(schedule: &Schedule, x_start: &[f64], t: u32, noise: &[f64]) -> Vec<f64> {
    let t = t as usize;
    combine((schedule.sqrt_alphas_cumprod[t], x_start), (schedule.sqrt_one_minus_alphas_cumprod[t], noise))
}

/// The posterior q(x_{t−1} | x_t, x_0) (eqs. 6 and 7). At t = 0 the variance is 0 and `log_variance` is ln
/// β̃_1, as `posterior_log_variance_clipped` has it.
pub fn q_posterior(schedule: &Schedule, x_start: &[f64], x_t: &[f64], t: u32) -> Gaussian {
    let t = t as usize;
    Gaussian {
        mean: combine((schedule.posterior_mean_coef1[t], x_start), (schedule.posterior_mean_coef2[t], x_t)),
        variance: schedule.posterior_variance[t],
        log_variance: schedule.posterior_log_variance_clipped[t],
    }
}

/// x̂_0 = √(1/ᾱ_t)·x_t − √(1/ᾱ_t − 1)·ε (eq. 15). Means nothing where ᾱ_t is 0: x_t then holds nothing of
/// x_0.
pub fn predict_x_start_from_noise(step: &StepCoefficients, x_t: &[f64], noise: &[f64]) -> Vec<f64> {
    let scale = step.sqrt_alphas_cumprod.recip();
    combine((scale, x_t), (-scale * step.sqrt_one_minus_alphas_cumprod, noise))
}

/// ε̂ = (x_t − √ᾱ_t·x_0) / √(1 − ᾱ_t): eq. 4 solved for the noise.
pub fn predict_noise_from_x_start(step: &StepCoefficients, x_t: &[f64], x_start: &[f64]) -> Vec<f64> {
    let scale = step.sqrt_one_minus_alphas_cumprod.recip();
    combine((scale, x_t), (-scale * step.sqrt_alphas_cumprod, x_start))
}

/// x̂_0 as the network's output has it, not clipped.
fn unclipped_x_start(step: &StepCoefficients, x_t: &[f64], model_output: &[f64]) -> Vec<f64> {
    let output = mean_part(model_output, x_t.len());
    combine((step.x_start_of_x_t, x_t), (step.x_start_of_output, output))
}

/// Clips to [−1, 1] where the spec says so.
fn clip(spec: &DiffusionSpec, mut x_start: Vec<f64>) -> Vec<f64> {
    if spec.clip_sample {
        x_start.iter_mut().for_each(|x0| *x0 = x0.clamp(-1.0, 1.0));
    }
    x_start
}

/// p(x_prev | x_t): what the network says of the step before.
#[derive(Clone, Debug, PartialEq)]
pub struct PMeanVariance {
    /// The mean, like x_t.
    pub mean: Vec<f64>,
    /// ln σ² of each element, like x_t. Finite in the last step too, which adds no noise.
    pub log_variance: Vec<f64>,
    /// x̂_0, clipped where the spec says so; like x_t.
    pub pred_x_start: Vec<f64>,
}

/// What one reverse step gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ReverseStep {
    /// x_prev; after the last step, the picture.
    pub x_prev: Vec<f64>,
    /// x̂_0 as predicted in this step.
    pub pred_x_start: Vec<f64>,
}

/// The mean and variance of a DDPM step: eq. 7 with x̂_0 for x_0 (which is eq. 11 where nothing is clipped), or,
/// where a network predicts the mean itself ([`PredictionType::PreviousX`](crate::spec::PredictionType::PreviousX) in a step
/// from t to t − 1), its output, of which clipping changes nothing; and σ² by the spec's [`VarianceType`] (§3.2; the learned range is arXiv 2102.09672 eq. 15). `step` is one
/// of [`ddpm_steps`](crate::schedule::ddpm_steps).
pub fn p_mean_variance(
    spec: &DiffusionSpec,
    step: &StepCoefficients,
    x_t: &[f64],
    model_output: &[f64],
) -> PMeanVariance {
    let pred_x_start = clip(spec, unclipped_x_start(step, x_t, model_output));
    let mean = combine((step.x_start_coef, &pred_x_start), (step.x_t_coef, x_t));
    let output = mean_part(model_output, x_t.len());
    let log_variance = match spec.variance_type {
        VarianceType::FixedSmall | VarianceType::FixedLarge => vec![step.max_log_variance; x_t.len()],
        VarianceType::Learned => variance_part(model_output, x_t.len()).to_vec(),
        VarianceType::LearnedRange => variance_part(model_output, x_t.len())
            .iter()
            .map(|v| {
                let part = (v + 1.0) / 2.0;
                part * step.max_log_variance + (1.0 - part) * step.min_log_variance
            })
            .collect(),
    };
    PMeanVariance { mean: combine((1.0, &mean), (step.output_coef, output)), log_variance, pred_x_start }
}

impl PMeanVariance {
    /// Classifier guidance: the mean moves by σ²·`gradient`, the (scaled) gradient of ln p(y | x_t) in x_t
    /// (arXiv 2105.05233, Algorithm 1).
    #[must_use]
    pub fn guided(mut self, gradient: &[f64]) -> Self {
        assert_eq!(gradient.len(), self.mean.len(), "one gradient an element");
        for ((mean, log_variance), gradient) in self.mean.iter_mut().zip(&self.log_variance).zip(gradient) {
            *mean += log_variance.exp() * gradient;
        }
        self
    }

    /// A draw: mean + σ·noise, without noise in the last step (Algorithm 2, line 4).
    pub fn sample(self, step: &StepCoefficients, noise: &[f64]) -> ReverseStep {
        let Self { mut mean, log_variance, pred_x_start } = self;
        assert_eq!(noise.len(), mean.len(), "one normal an element");
        if step.sigma > 0.0 {
            for ((x, log_variance), z) in mean.iter_mut().zip(&log_variance).zip(noise) {
                *x += (0.5 * log_variance).exp() * z;
            }
        }
        ReverseStep { x_prev: mean, pred_x_start }
    }
}

/// One step of Algorithm 2: x_prev ~ p(x_prev | x_t). `step` is one of
/// [`ddpm_steps`](crate::schedule::ddpm_steps).
pub fn p_sample(
    spec: &DiffusionSpec,
    step: &StepCoefficients,
    x_t: &[f64],
    model_output: &[f64],
    noise: &[f64],
) -> ReverseStep {
    p_mean_variance(spec, step, x_t, model_output).sample(step, noise)
}

/// Which ε̂ a DDIM step uses when x̂_0 was clipped; without clipping the two are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PredNoise {
    /// The one that fits the clipped x̂_0, as in guided-diffusion.
    #[default]
    FromClippedXStart,
    /// The network's own, as in diffusers (`use_clipped_model_output=False`).
    FromNetwork,
}

/// What the network's output says of x_0 and of the noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// x̂_0, clipped where the spec says so; like x_t.
    pub pred_x_start: Vec<f64>,
    /// ε̂, like x_t.
    pub pred_noise: Vec<f64>,
}

/// x̂_0 and ε̂ from the network's output, whatever it predicts.
pub fn predict(
    spec: &DiffusionSpec,
    step: &StepCoefficients,
    x_t: &[f64],
    model_output: &[f64],
    source: PredNoise,
) -> Prediction {
    let pred_x_start = clip(spec, unclipped_x_start(step, x_t, model_output));
    let pred_noise = match source {
        PredNoise::FromClippedXStart => predict_noise_from_x_start(step, x_t, &pred_x_start),
        PredNoise::FromNetwork => {
            let output = mean_part(model_output, x_t.len());
            combine((step.noise_of_x_t, x_t), (step.noise_of_output, output))
        }
    };
    Prediction { pred_x_start, pred_noise }
}

impl Prediction {
    /// Classifier guidance for DDIM: ε̂ − √(1 − ᾱ_t)·`gradient`, and the x̂_0 that fits it, which is not
    /// clipped again (arXiv 2105.05233, Algorithm 2). `gradient` is as in [`PMeanVariance::guided`].
    #[must_use]
    pub fn guided(self, step: &StepCoefficients, x_t: &[f64], gradient: &[f64]) -> Self {
        let pred_noise = combine((1.0, &self.pred_noise), (-step.sqrt_one_minus_alphas_cumprod, gradient));
        Self { pred_x_start: predict_x_start_from_noise(step, x_t, &pred_noise), pred_noise }
    }

    /// The DDIM step that follows (arXiv 2010.02502 eq. 12). `step` is one of
    /// [`ddim_steps`](crate::schedule::ddim_steps).
    pub fn ddim_step(self, step: &StepCoefficients, noise: &[f64]) -> ReverseStep {
        let direction =
            combine((step.x_start_coef, &self.pred_x_start), (step.pred_noise_coef, &self.pred_noise));
        ReverseStep {
            x_prev: combine((1.0, &direction), (step.sigma, noise)),
            pred_x_start: self.pred_x_start,
        }
    }
}

/// One DDIM step: √ᾱ_prev·x̂_0 + √(1 − ᾱ_prev − σ²)·ε̂ + σ·noise (arXiv 2010.02502 eq. 12). `step` is one of
/// [`ddim_steps`](crate::schedule::ddim_steps), which decides η.
pub fn ddim_step(
    spec: &DiffusionSpec,
    step: &StepCoefficients,
    x_t: &[f64],
    model_output: &[f64],
    source: PredNoise,
    noise: &[f64],
) -> ReverseStep {
    predict(spec, step, x_t, model_output, source).ddim_step(step, noise)
}

/// What one DDIM step backwards gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardStep {
    /// x_next, one step noisier.
    pub x_next: Vec<f64>,
    /// x̂_0 as predicted in this step.
    pub pred_x_start: Vec<f64>,
}

/// One step of the deterministic DDIM run backwards, towards noise: √ᾱ_next·x̂_0 + √(1 − ᾱ_next)·ε̂ (arXiv
/// 2010.02502 §4.3), ε̂ from the clipped x̂_0.
///
/// `alphas_cumprod_next` is ᾱ of the next, noisier timestep of the chain; in the full process the schedule's
/// table of that name at t.
pub fn ddim_reverse_step(
    spec: &DiffusionSpec,
    step: &StepCoefficients,
    alphas_cumprod_next: f64,
    x_t: &[f64],
    model_output: &[f64],
) -> ForwardStep {
    let Prediction { pred_x_start, pred_noise } =
        predict(spec, step, x_t, model_output, PredNoise::FromClippedXStart);
    let (signal, noise) = (alphas_cumprod_next.sqrt(), (1.0 - alphas_cumprod_next).sqrt());
    ForwardStep { x_next: combine((signal, &pred_x_start), (noise, &pred_noise)), pred_x_start }
}

/// Classifier-free guidance: (1 − w)·ε_null + w·ε_label, exactly ε_null at w = 0 and ε_label at w = 1
/// (arXiv 2207.12598 eq. 6, whose w is ours less 1). It serves outputs that are x_0 or v as well.
pub fn guided_noise(pred_noise_null: &[f64], pred_noise_label: &[f64], w: f64) -> Vec<f64> {
    combine((1.0 - w, pred_noise_null), (w, pred_noise_label))
}

/// The first C of the network's channels.
fn mean_part(model_output: &[f64], n: usize) -> &[f64] {
    let found = model_output.len();
    assert!(found == n || found == 2 * n, "expected an output of {n} or {} elements, found {found}", 2 * n);
    &model_output[..n]
}

/// The last C of the network's 2·C channels.
fn variance_part(model_output: &[f64], n: usize) -> &[f64] {
    assert_eq!(model_output.len(), 2 * n, "a learned variance needs as many outputs again");
    &model_output[n..]
}

/// a·x + b·y, element by element.
fn combine((a, x): (f64, &[f64]), (b, y): (f64, &[f64])) -> Vec<f64> {
    assert_eq!(x.len(), y.len(), "slices of one sample");
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}
