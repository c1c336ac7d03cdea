//! The state of a chain of reverse steps on the GPU, and the steps' numbers: `shaders/include/chain.wgsl`.

use crate::schedule;

/// The chain's state: which step is next, and whose noise it draws.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Chain {
    /// Index of the next step.
    pub step: u32,
    /// The seed's low word.
    pub seed_lo: u32,
    /// The seed's high word.
    pub seed_hi: u32,
    /// Index of the batch's first picture.
    pub first_sample: u32,
}

impl Chain {
    /// At `step`, with the noise of `seed` for pictures from `first_sample` on.
    pub fn new(step: u32, seed: u64, first_sample: u32) -> Self {
        Self { step, seed_lo: seed as u32, seed_hi: (seed >> 32) as u32, first_sample }
    }
}

/// [`schedule::StepCoefficients`], cast once.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[expect(missing_docs, reason = "the fields of schedule::StepCoefficients")]
pub struct StepCoefficients {
    pub t: u32,
    pub x_start_of_x_t: f32,
    pub x_start_of_output: f32,
    pub noise_of_x_t: f32,
    pub noise_of_output: f32,
    pub sqrt_alphas_cumprod: f32,
    pub sqrt_one_minus_alphas_cumprod: f32,
    pub x_start_coef: f32,
    pub x_t_coef: f32,
    pub output_coef: f32,
    pub pred_noise_coef: f32,
    pub sigma: f32,
    pub min_log_variance: f32,
    pub max_log_variance: f32,
    pub noise_t: u32,
}

impl From<&schedule::StepCoefficients> for StepCoefficients {
    fn from(step: &schedule::StepCoefficients) -> Self {
        Self {
            t: step.t,
            x_start_of_x_t: step.x_start_of_x_t as f32,
            x_start_of_output: step.x_start_of_output as f32,
            noise_of_x_t: step.noise_of_x_t as f32,
            noise_of_output: step.noise_of_output as f32,
            sqrt_alphas_cumprod: step.sqrt_alphas_cumprod as f32,
            sqrt_one_minus_alphas_cumprod: step.sqrt_one_minus_alphas_cumprod as f32,
            x_start_coef: step.x_start_coef as f32,
            x_t_coef: step.x_t_coef as f32,
            output_coef: step.output_coef as f32,
            pred_noise_coef: step.pred_noise_coef as f32,
            sigma: step.sigma as f32,
            min_log_variance: step.min_log_variance as f32,
            max_log_variance: step.max_log_variance as f32,
            noise_t: step.noise_t,
        }
    }
}

/// The shape of x_t on the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// H · W.
    pub plane: u32,
    /// C.
    pub channels: u32,
    /// Floats of a pixel, padding included.
    pub stride: u32,
    /// Pictures.
    pub samples: u32,
    /// How often the network's batch holds each: 2 in a guided chain.
    pub copies: u32,
    /// All pictures draw the noise of the batch's first.
    pub shared_noise: bool,
}

impl Picture {
    /// C · H · W.
    pub fn elements(&self) -> u32 {
        self.plane * self.channels
    }

    /// How far apart the noises of two pictures are, in samples.
    pub fn sample_step(&self) -> u32 {
        (!self.shared_noise).into()
    }
}
