//! The twin of training_loss: the losses are `diffusion::loss`'s, and this is their gradient, through the reverse process's
//! mean and log-variance.

use ddpm::diffusion::loss::{TrainingLoss, bound_scale, min_snr_weight, training_losses, training_target};
use ddpm::diffusion::{p_mean_variance, q_posterior, q_sample};
use ddpm::schedule::{Schedule, StepCoefficients, ddpm_steps};
use ddpm::spec::{DiffusionSpec, LossType, VarianceType};

/// A loss of a process.
pub struct Loss {
    pub spec: DiffusionSpec,
    pub loss: LossType,
    pub min_snr_gamma: Option<f64>,
    pub schedule: Schedule,
    /// By t, of the full chain.
    pub steps: Vec<StepCoefficients>,
}

impl Loss {
    pub fn new(spec: &DiffusionSpec, loss: LossType, min_snr_gamma: Option<f64>) -> Self {
        let mut steps = ddpm_steps(spec, spec.num_timesteps).expect("a full chain");
        steps.reverse();
        let schedule = Schedule::new(spec).expect("a schedule");
        Self { spec: spec.clone(), loss, min_snr_gamma, schedule, steps }
    }

    /// The loss of one picture, and its gradient in the output. x_start, noise: [C, H, W]; output: that or twice as much.
    pub fn of(&self, t: u32, x_start: &[f64], noise: &[f64], output: &[f64]) -> (TrainingLoss, Vec<f64>) {
        let step = &self.steps[t as usize];
        let x_t = q_sample(&self.schedule, x_start, t, noise);
        let known = [x_start, &x_t, noise];
        let modes = (self.loss, self.min_snr_gamma);
        let loss = training_losses(&self.spec, modes, &self.schedule, step, known, output);
        (loss, self.gradient(step, known, output))
    }

    fn gradient(&self, step: &StepCoefficients, known: [&[f64]; 3], output: &[f64]) -> Vec<f64> {
        let (spec, schedule, t, n) = (&self.spec, &self.schedule, step.t, known[0].len());
        let mut gradient = vec![0.0; output.len()];
        if self.loss.has_mse() {
            let target = training_target(spec, schedule, t, known);
            let weight = self.min_snr_gamma.map_or(1.0, |gamma| min_snr_weight(spec, schedule, gamma, t));
            for i in 0..n {
                gradient[i] = 2.0 * weight * (output[i] - target[i]) / n as f64;
            }
        }
        let scale = bound_scale(spec, self.loss) / std::f64::consts::LN_2 / n as f64;
        if scale == 0.0 {
            return gradient;
        }
        let unclipped = DiffusionSpec { clip_sample: false, ..spec.clone() };
        let [x_start, x_t, _] = known;
        let p = p_mean_variance(&unclipped, step, x_t, output);
        let q = q_posterior(schedule, x_start, x_t, t);
        let log_variance_of_output = match spec.variance_type {
            VarianceType::LearnedRange => (step.max_log_variance - step.min_log_variance) / 2.0,
            _ => 1.0,
        };
        for i in 0..n {
            let (mean, log_variance) = (p.mean[i], p.log_variance[i]);
            let (d_mean, d_log_variance) = if t == 0 {
                decoder_gradient(x_start[i], mean, log_variance)
            } else {
                kl_gradient(q.mean[i], q.log_variance, mean, log_variance)
            };
            if !self.loss.has_mse() {
                let mean_of_output = step.x_start_coef * step.x_start_of_output + step.output_coef;
                gradient[i] += scale * d_mean * mean_of_output;
            }
            if spec.variance_type.is_learned() {
                gradient[n + i] = scale * d_log_variance * log_variance_of_output;
            }
        }
        gradient
    }
}

/// ∂D_KL / ∂mean2 and ∂D_KL / ∂log_variance2.
fn kl_gradient(mean1: f64, log_variance1: f64, mean2: f64, log_variance2: f64) -> (f64, f64) {
    let precision = (-log_variance2).exp();
    let difference = mean2 - mean1;
    let ratio = (log_variance1 - log_variance2).exp();
    (difference * precision, 0.5 * (1.0 - ratio - difference * difference * precision))
}

/// ∂(−ln p) / ∂mean and ∂(−ln p) / ∂log_variance, p = Φ(upper) − Φ(lower).
fn decoder_gradient(x: f64, mean: f64, log_variance: f64) -> (f64, f64) {
    let inverse_scale = (-0.5 * log_variance).exp();
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let tanh = |z: f64| (root * (z + 0.044715 * z.powi(3))).tanh();
    // Φ, Φ' and z·Φ'.
    let edge = |z: f64| {
        let density = 0.5 * (1.0 - tanh(z).powi(2)) * root * (1.0 + 3.0 * 0.044715 * z * z);
        [0.5 * (1.0 + tanh(z)), density, z * density]
    };
    let upper = if x > 0.999 { [1.0, 0.0, 0.0] } else { edge(inverse_scale * (x - mean + 1.0 / 255.0)) };
    let lower = if x < -0.999 { [0.0; 3] } else { edge(inverse_scale * (x - mean - 1.0 / 255.0)) };
    let [probability, density, stretch] = [0, 1, 2].map(|i| upper[i] - lower[i]);
    if probability <= 1e-12 {
        return (0.0, 0.0);
    }
    (inverse_scale * density / probability, 0.5 * stretch / probability)
}
