//! The tables of a diffusion process, in f64: every β schedule, the products of α, the posterior's
//! coefficients, and the coefficients of each step of a full or respaced chain, to a picture or from one.
//!
//! `t` is 0-based: t = 0 is one step of noise, t = T − 1 is (nearly) pure noise. Equation numbers are those
//! of arXiv 2006.11239 (DDPM) and arXiv 2010.02502 (DDIM).

mod encode;
mod langevin;
mod resample;

pub use encode::{ddim_encode_steps, ddim_reverse_step};
pub use langevin::{MAX_UPDATES, langevin_steps, langevin_update};
pub use resample::resampled_steps;

use crate::error::{Error, Result, decimal};
use crate::spec::{BetaSchedule, DiffusionSpec, PredictionType, VarianceType};

/// The largest T accepted.
pub const MAX_TIMESTEPS: u32 = 1_000_000;

impl BetaSchedule {
    /// The schedule that diffusers (`beta_schedule`) or the reference code calls `name`.
    ///
    /// # Errors
    /// If there is no such schedule.
    pub fn from_name(name: &str) -> Result<Self> {
        Ok(match name {
            "linear" => Self::Linear,
            "quad" | "scaled_linear" => Self::Quad,
            "const" => Self::Const,
            "jsd" => Self::Jsd,
            "warmup10" => Self::Warmup10,
            "warmup50" => Self::Warmup50,
            "squaredcos_cap_v2" => Self::SquaredCosCapV2,
            _ => {
                return Err(Error::unsupported(format!(
                    "beta_schedule: expected linear, scaled_linear (quad), squaredcos_cap_v2, const, jsd, \
                     warmup10 or warmup50, found {name:?}"
                )));
            }
        })
    }

    /// The schedule's name: diffusers' where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Quad => "scaled_linear",
            Self::Const => "const",
            Self::Jsd => "jsd",
            Self::Warmup10 => "warmup10",
            Self::Warmup50 => "warmup50",
            Self::SquaredCosCapV2 => "squaredcos_cap_v2",
        }
    }
}

/// `beta_start` and `beta_end` of a linear schedule over `num_timesteps` that destroys as much as the paper's
/// does over 1000: (1e-4, 0.02) · 1000 / T.
pub fn rescaled_linear_range(num_timesteps: u32) -> (f64, f64) {
    let scale = 1000.0 / f64::from(num_timesteps);
    (scale * 1e-4, scale * 0.02)
}

/// β_t for t = 0 to T − 1.
///
/// # Errors
/// If T is 0 or more than [`MAX_TIMESTEPS`], or some β_t is not more than 0 (by as much as f64 can tell from
/// 1 − β_t) and at most 1.
pub fn betas(spec: &DiffusionSpec) -> Result<Vec<f64>> {
    let count = spec.num_timesteps;
    if count == 0 || count > MAX_TIMESTEPS {
        return Err(Error::input(format!(
            "num_train_timesteps: expected 1 to {MAX_TIMESTEPS}, found {count}"
        )));
    }
    let (start, end, n) = (spec.beta_start, spec.beta_end, count as usize);
    let warmup = |part: usize| {
        let mut betas = linspace(start, end, part);
        betas.resize(n, end);
        betas
    };
    let betas: Vec<f64> = match spec.beta_schedule {
        BetaSchedule::Linear => linspace(start, end, n),
        BetaSchedule::Quad => linspace(start.sqrt(), end.sqrt(), n).iter().map(|root| root * root).collect(),
        BetaSchedule::Const => vec![end; n],
        BetaSchedule::Jsd => (0..count).map(|t| 1.0 / f64::from(count - t)).collect(),
        BetaSchedule::Warmup10 => warmup(n / 10),
        BetaSchedule::Warmup50 => warmup(n / 2),
        BetaSchedule::SquaredCosCapV2 => {
            let alpha_bar = |t: u32| {
                let part = f64::from(t) / f64::from(count);
                cos((part + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).powi(2)
            };
            (0..count).map(|t| (1.0 - alpha_bar(t + 1) / alpha_bar(t)).min(0.999)).collect()
        }
    };
    match betas.iter().position(|&beta| !(1.0 - beta < 1.0 && beta <= 1.0)) {
        None => Ok(betas),
        Some(t) => Err(Error::input(format!(
            "{} schedule from beta_start {} to beta_end {}: expected every beta more than 0 and at most 1, \
             found {} at t = {t}",
            spec.beta_schedule.name(),
            decimal(start),
            decimal(end),
            decimal(betas[t])
        ))),
    }
}

/// cos x. A page takes the browser's: Rust's own brings the reduction of arguments up to 1e308 with it.
fn cos(x: f64) -> f64 {
    #[cfg(not(target_arch = "wasm32"))]
    return x.cos();
    #[cfg(target_arch = "wasm32")]
    return js_sys::Math::cos(x);
}

/// `n` numbers from `start` to `end`, both included, in equal steps.
fn linspace(start: f64, end: f64, n: usize) -> Vec<f64> {
    let step = (end - start) / (n.max(2) - 1) as f64;
    (0..n).map(|i| if i > 0 && i == n - 1 { end } else { start + i as f64 * step }).collect()
}

/// A process's tables over its T original timesteps, each of length T.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// β_t.
    pub betas: Vec<f64>,
    /// ᾱ_t, the product of 1 − β_s for s ≤ t (eq. 4).
    pub alphas_cumprod: Vec<f64>,
    /// ᾱ_{t−1}; 1 at t = 0.
    pub alphas_cumprod_prev: Vec<f64>,
    /// ᾱ_{t+1}; 0 at t = T − 1.
    pub alphas_cumprod_next: Vec<f64>,
    /// √ᾱ_t.
    pub sqrt_alphas_cumprod: Vec<f64>,
    /// √(1 − ᾱ_t).
    pub sqrt_one_minus_alphas_cumprod: Vec<f64>,
    /// ln(1 − ᾱ_t).
    pub log_one_minus_alphas_cumprod: Vec<f64>,
    /// √(1 / ᾱ_t); infinite where β reaches 1.
    pub sqrt_recip_alphas_cumprod: Vec<f64>,
    /// √(1 / ᾱ_t − 1); infinite where β reaches 1.
    pub sqrt_recipm1_alphas_cumprod: Vec<f64>,
    /// β̃_t, the variance of q(x_{t−1} | x_t, x_0) (eq. 7); 0 at t = 0.
    pub posterior_variance: Vec<f64>,
    /// ln β̃_t, with β̃_1 in place of the 0 at t = 0 (β_0 where T = 1).
    pub posterior_log_variance_clipped: Vec<f64>,
    /// The factor of x_0 in the posterior's mean (eq. 7).
    pub posterior_mean_coef1: Vec<f64>,
    /// The factor of x_t in the posterior's mean (eq. 7).
    pub posterior_mean_coef2: Vec<f64>,
}

impl Schedule {
    /// (√ᾱ_t, √(1 − ᾱ_t)) of every t: what q_sample reads on the GPU.
    pub fn forward_coefficients(&self) -> Vec<[f32; 2]> {
        let pairs = self.sqrt_alphas_cumprod.iter().zip(&self.sqrt_one_minus_alphas_cumprod);
        pairs.map(|(&signal, &noise)| [signal as f32, noise as f32]).collect()
    }

    /// The tables of `spec`'s schedule.
    ///
    /// # Errors
    /// As [`betas`].
    pub fn new(spec: &DiffusionSpec) -> Result<Self> {
        let betas = betas(spec)?;
        let n = betas.len();
        let mut product = 1.0;
        let alphas_cumprod: Vec<f64> = betas
            .iter()
            .map(|beta| {
                product *= 1.0 - beta;
                product
            })
            .collect();
        let alphas_cumprod_prev: Vec<f64> =
            std::iter::once(1.0).chain(alphas_cumprod[..n - 1].iter().copied()).collect();
        let alphas_cumprod_next = alphas_cumprod[1..].iter().copied().chain([0.0]).collect();
        let of_product = |f: fn(f64) -> f64| alphas_cumprod.iter().map(|&ac| f(ac)).collect::<Vec<f64>>();
        let at_each_t = |f: fn(f64, f64, f64) -> f64| -> Vec<f64> {
            (0..n).map(|t| f(betas[t], alphas_cumprod[t], alphas_cumprod_prev[t])).collect()
        };
        let posterior_variance = at_each_t(|beta, ac, prev| beta * (1.0 - prev) / (1.0 - ac));
        let clipped = posterior_variance.get(1).copied().unwrap_or(betas[0]);
        Ok(Self {
            sqrt_alphas_cumprod: of_product(f64::sqrt),
            sqrt_one_minus_alphas_cumprod: of_product(|ac| (1.0 - ac).sqrt()),
            log_one_minus_alphas_cumprod: of_product(|ac| (1.0 - ac).ln()),
            sqrt_recip_alphas_cumprod: of_product(|ac| (1.0 / ac).sqrt()),
            sqrt_recipm1_alphas_cumprod: of_product(|ac| (1.0 / ac - 1.0).sqrt()),
            posterior_log_variance_clipped: std::iter::once(clipped)
                .chain(posterior_variance[1..].iter().copied())
                .map(f64::ln)
                .collect(),
            posterior_mean_coef1: at_each_t(|beta, ac, prev| beta * prev.sqrt() / (1.0 - ac)),
            posterior_mean_coef2: at_each_t(|beta, ac, prev| (1.0 - prev) * (1.0 - beta).sqrt() / (1.0 - ac)),
            posterior_variance,
            betas,
            alphas_cumprod,
            alphas_cumprod_prev,
            alphas_cumprod_next,
        })
    }
}

/// The original timesteps of a respaced chain, descending: diffusers' "leading" spacing, i · ⌊T / steps⌋ +
/// offset for i from steps − 1 to 0.
///
/// The chain need not begin at T − 1: 50 of 1000 steps begin at t = 980. (Its x_T is drawn with t = T − 1 all
/// the same.)
///
/// # Errors
/// If `sampling_steps` is 0 or more than `num_timesteps`, or the offset leads past T − 1.
pub fn leading_timesteps(num_timesteps: u32, sampling_steps: u32, steps_offset: u32) -> Result<Vec<u32>> {
    if sampling_steps == 0 || sampling_steps > num_timesteps {
        return Err(Error::input(format!(
            "sampling steps: expected 1 to {num_timesteps}, as many as the model was trained with, \
             found {sampling_steps}"
        )));
    }
    let ratio = num_timesteps / sampling_steps;
    let first = u64::from((sampling_steps - 1) * ratio) + u64::from(steps_offset);
    if first >= u64::from(num_timesteps) {
        return Err(Error::input(format!(
            "steps_offset {steps_offset} with {sampling_steps} sampling steps: expected the first timestep below \
             {num_timesteps}, found {first}"
        )));
    }
    Ok((0..sampling_steps).rev().map(|i| i * ratio + steps_offset).collect())
}

/// The numbers of one step of a chain, whichever: DDPM's, DDIM's either way, or Langevin's; cast to f32 they are what the
/// GPU's kernel reads.
///
/// The network's output o says of x_0 and of the noise, by its [`PredictionType`],
///
/// x̂_0 = `x_start_of_x_t`·x_t + `x_start_of_output`·o,
/// ε̂ = `noise_of_x_t`·x_t + `noise_of_output`·o
///
/// and x̂_0 is clipped where the spec says so; the ε̂ that fits it then is (x_t − √ᾱ_t·x̂_0) / √(1 − ᾱ_t). The step is
///
/// x_prev = `x_start_coef`·x̂_0 + `x_t_coef`·x_t + `output_coef`·o + `pred_noise_coef`·ε̂ + `sigma`·z
///
/// DDPM has no ε̂ term, DDIM no x_t term, Langevin no x̂_0 term, and the last step no noise. o is there where it is the mean itself:
/// [`PredictionType::PreviousX`], in a step from t to t − 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCoefficients {
    /// The original timestep: what the network is told.
    pub t: u32,
    /// The t of the noise z: the timestep's, unless several steps are taken at one.
    pub noise_t: u32,
    /// x̂_0 for one x_t.
    pub x_start_of_x_t: f64,
    /// x̂_0 for one of the output.
    pub x_start_of_output: f64,
    /// ε̂ for one x_t.
    pub noise_of_x_t: f64,
    /// ε̂ for one of the output.
    pub noise_of_output: f64,
    /// √ᾱ_t.
    pub sqrt_alphas_cumprod: f64,
    /// √(1 − ᾱ_t).
    pub sqrt_one_minus_alphas_cumprod: f64,
    /// The factor of x̂_0.
    pub x_start_coef: f64,
    /// The factor of x_t.
    pub x_t_coef: f64,
    /// The factor of the network's output.
    pub output_coef: f64,
    /// The factor of ε̂.
    pub pred_noise_coef: f64,
    /// The standard deviation of z's term, 0 in the last step. In a DDPM step with a learned variance: a
    /// factor, 1 or (in the last step) 0, on the network's own standard deviation.
    pub sigma: f64,
    /// DDPM: ln β̃, the posterior's log-variance (in the last step, where that is of 0, the step's before it), which −1
    /// stands for with [`VarianceType::LearnedRange`].
    pub min_log_variance: f64,
    /// DDPM: the fixed log-variance; with [`VarianceType::LearnedRange`] ln β, which +1 stands for.
    pub max_log_variance: f64,
}

/// The steps of a DDPM chain (Algorithm 2), in the order they are taken: t descending.
///
/// Respaced, a step from t to t_prev is one of the shorter process that keeps the original ᾱ: β = 1 − ᾱ_t /
/// ᾱ_{t_prev}, in the mean's coefficients, in β̃ and in `fixed_large` alike, as in diffusers' `DDPMScheduler`
/// and in guided-diffusion's `SpacedDiffusion`. The last step, whatever its t, leads to the picture, where
/// ᾱ_prev is 1.
///
/// # Errors
/// As [`betas`] and [`leading_timesteps`], or if ᾱ_t is so small at some t that no step can be taken from it.
pub fn ddpm_steps(spec: &DiffusionSpec, sampling_steps: u32) -> Result<Vec<StepCoefficients>> {
    let schedule = Schedule::new(spec)?;
    let timesteps = leading_timesteps(spec.num_timesteps, sampling_steps, spec.steps_offset)?;
    (0..timesteps.len())
        .map(|i| {
            let after = i.checked_sub(1).map(|i| timesteps[i]);
            ddpm_step(spec, &schedule, after, timesteps[i], timesteps.get(i + 1).copied())
        })
        .collect()
}

/// The DDPM step from `t` to `before` (`None` is the picture), in a chain that came to `t` from `after`.
fn ddpm_step(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    after: Option<u32>,
    t: u32,
    before: Option<u32>,
) -> Result<StepCoefficients> {
    let ac = schedule.alphas_cumprod[t as usize];
    let ac_prev = before.map_or(1.0, |t| schedule.alphas_cumprod[t as usize]);
    let mut step = step_from(spec, schedule, t, ac_prev)?;
    let beta = 1.0 - ac / ac_prev;
    if spec.prediction_type == PredictionType::PreviousX && before == t.checked_sub(1) {
        step.output_coef = 1.0;
    } else {
        step.x_start_coef = beta * ac_prev.sqrt() / (1.0 - ac);
        step.x_t_coef = (1.0 - ac_prev) * (ac / ac_prev).sqrt() / (1.0 - ac);
    }

    // The last step's β̃ is 0, so its logarithm is taken of the step before it.
    let posterior_variance = match (before, after) {
        (Some(_), _) => beta * (1.0 - ac_prev) / (1.0 - ac),
        (None, Some(after)) => {
            let ac_after = schedule.alphas_cumprod[after as usize];
            (1.0 - ac_after / ac) * (1.0 - ac) / (1.0 - ac_after)
        }
        (None, None) => beta,
    };
    let large = if before.is_some() { beta } else { posterior_variance };
    let (max, sigma) = match spec.variance_type {
        VarianceType::FixedSmall => (posterior_variance, posterior_variance.sqrt()),
        VarianceType::FixedLarge => (large, large.sqrt()),
        VarianceType::Learned | VarianceType::LearnedRange => (beta, 1.0),
    };
    step.min_log_variance = posterior_variance.ln();
    step.max_log_variance = max.ln();
    step.sigma = if before.is_some() { sigma } else { 0.0 };
    Ok(step)
}

/// The steps of a DDIM chain (arXiv 2010.02502 eq. 12), in the order they are taken: t descending.
///
/// `eta` is the share of noise: 0 is deterministic, 1 has DDPM's β̃ as its variance (eq. 16). The last step
/// leads to the picture: ᾱ_prev = 1 (`set_alpha_to_one`).
///
/// # Errors
/// As [`ddpm_steps`], or if `eta` is not between 0 and 1.
pub fn ddim_steps(spec: &DiffusionSpec, sampling_steps: u32, eta: f64) -> Result<Vec<StepCoefficients>> {
    if !(0.0..=1.0).contains(&eta) {
        return Err(Error::input(format!("eta: expected 0 to 1, found {}", decimal(eta))));
    }
    let schedule = Schedule::new(spec)?;
    let timesteps = leading_timesteps(spec.num_timesteps, sampling_steps, spec.steps_offset)?;
    (0..timesteps.len())
        .map(|i| ddim_step(spec, &schedule, timesteps[i], timesteps.get(i + 1).copied(), eta))
        .collect()
}

/// The DDIM step from `t` to `before` (`None` is the picture).
fn ddim_step(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    t: u32,
    before: Option<u32>,
    eta: f64,
) -> Result<StepCoefficients> {
    let ac = schedule.alphas_cumprod[t as usize];
    let ac_prev = before.map_or(1.0, |t| schedule.alphas_cumprod[t as usize]);
    let mut step = step_from(spec, schedule, t, ac_prev)?;
    let variance = eta * eta * (1.0 - ac_prev) / (1.0 - ac) * (1.0 - ac / ac_prev);
    step.x_start_coef = ac_prev.sqrt();
    step.pred_noise_coef = (1.0 - ac_prev - variance).max(0.0).sqrt();
    step.sigma = variance.sqrt();
    Ok(step)
}

/// What every step from `t` has: the way from the network's output to x̂_0 and ε̂. The rest is 0.
fn step_from(spec: &DiffusionSpec, schedule: &Schedule, t: u32, ac_prev: f64) -> Result<StepCoefficients> {
    let ix = t as usize;
    let ac = schedule.alphas_cumprod[ix];
    let (signal, noise) = (ac.sqrt(), (1.0 - ac).sqrt());
    let (x_start, pred_noise) = match spec.prediction_type {
        PredictionType::Epsilon => (((1.0 / ac).sqrt(), -(1.0 / ac - 1.0).sqrt()), (0.0, 1.0)),
        PredictionType::Sample => ((0.0, 1.0), (noise.recip(), -signal / noise)),
        PredictionType::V => ((signal, -noise), (noise, signal)),
        PredictionType::PreviousX => {
            let of_output = schedule.posterior_mean_coef1[ix].recip();
            let of_x_t = -schedule.posterior_mean_coef2[ix] * of_output;
            ((of_x_t, of_output), ((1.0 - signal * of_x_t) / noise, -signal * of_output / noise))
        }
    };
    // The GPU's tables are f32, so an overflow there is as good as a division by zero.
    let vanishes = |recip: f64| (recip as f32).is_infinite();
    if vanishes(ac_prev.sqrt().recip()) || vanishes(x_start.1) {
        return Err(Error::input(format!(
            "{} schedule: no reverse step can be taken from t = {t}, where nothing of x_0 is left \
             (alphas_cumprod = {}, before it {})",
            spec.beta_schedule.name(),
            decimal(ac),
            decimal(ac_prev)
        )));
    }
    Ok(StepCoefficients {
        t,
        noise_t: t,
        x_start_of_x_t: x_start.0,
        x_start_of_output: x_start.1,
        noise_of_x_t: pred_noise.0,
        noise_of_output: pred_noise.1,
        sqrt_alphas_cumprod: signal,
        sqrt_one_minus_alphas_cumprod: noise,
        x_start_coef: 0.0,
        x_t_coef: 0.0,
        output_coef: 0.0,
        pred_noise_coef: 0.0,
        sigma: 0.0,
        min_log_variance: 0.0,
        max_log_variance: 0.0,
    })
}
