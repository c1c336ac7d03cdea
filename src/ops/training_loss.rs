//! The loss of training and its gradient: `shaders/training_loss.wgsl`.

use std::f64::consts::LN_2;

use super::mean_loss::{self, MeanLoss};
use crate::diffusion::loss::{self, bound_scale, loss_coefficients};
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, GpuContext, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::graph::Tensor;
use crate::spec::{DiffusionSpec, LossType};

params! {
    /// Settings of a loss; the fields are explained in `shaders/training_loss.wgsl`.
    pub struct TrainingLoss {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// C.
        channels: u32,
        /// Floats of a pixel of the output.
        output_stride: u32,
        /// Floats of a pixel of x_0 and of the noise.
        stride: u32,
        /// Pixels of a chunk.
        chunk: u32,
        /// Chunks of a sample.
        chunks: u32,
        /// 1 if the output has 2 · C channels.
        learned_variance: u32,
        /// 1 if the mean learns from the bound.
        bound_reaches_mean: u32,
        /// What the bound's nats are multiplied with.
        bound_scale: f32,
        /// 1 / elements of the whole batch.
        scale: f32,
        /// Unused.
        pad: u32,
    }
}

/// `shaders/training_loss.wgsl`.
pub static TRAINING_LOSS: Shader = Shader {
    name: "training_loss",
    source: wgsl!("training_loss"),
    params: TrainingLoss::LAYOUT,
    bindings: &[
        ("output", Binding::Read),
        ("x_start", Binding::Read),
        ("noise", Binding::Read),
        ("timesteps", Binding::Read),
        ("coefficients", Binding::Read),
        ("d_output", Binding::ReadWrite),
        ("partials", Binding::ReadWrite),
    ],
    entry_points: &["training_loss"],
    consts: &[],
    host: host!(training_loss::training_loss),
};

/// Pixels that one invocation compares.
const CHUNK: u32 = 32;

/// [`loss::LossCoefficients`], cast once.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[expect(missing_docs, reason = "the fields of loss::LossCoefficients")]
pub struct LossCoefficients {
    pub target_of_x_start: f32,
    pub target_of_noise: f32,
    pub mse_weight: f32,
    pub mean_of_output: f32,
    pub log_variance: f32,
    pub log_variance_excess: f32,
    pub log_variance_of_output: f32,
    pub pad: f32,
}

impl From<&loss::LossCoefficients> for LossCoefficients {
    fn from(at: &loss::LossCoefficients) -> Self {
        Self {
            target_of_x_start: at.target_of_x_start as f32,
            target_of_noise: at.target_of_noise as f32,
            mse_weight: at.mse_weight as f32,
            mean_of_output: at.mean_of_output as f32,
            log_variance: at.log_variance as f32,
            log_variance_excess: at.log_variance_excess as f32,
            log_variance_of_output: at.log_variance_of_output as f32,
            pad: 0.0,
        }
    }
}

/// A loss of a process, and its numbers on the GPU.
pub struct Loss {
    coefficients: Buffer,
    learned_variance: bool,
    bound_reaches_mean: bool,
    /// Bits for nats, scaled.
    bound_scale: f64,
}

impl Loss {
    /// The loss of `spec`'s process, its squared error weighted by `min_snr_gamma`.
    ///
    /// # Errors
    /// As [`loss_coefficients`], or if there is no memory.
    pub fn new(
        gpu: &GpuContext,
        spec: &DiffusionSpec,
        loss: LossType,
        min_snr_gamma: Option<f64>,
    ) -> Result<Self> {
        let coefficients = loss_coefficients(spec, loss, min_snr_gamma)?;
        let coefficients: Vec<LossCoefficients> = coefficients.iter().map(LossCoefficients::from).collect();
        Ok(Self {
            coefficients: gpu.buffer_with("loss coefficients", &coefficients)?,
            learned_variance: spec.variance_type.is_learned(),
            bound_reaches_mean: !loss.has_mse(),
            bound_scale: bound_scale(spec, loss) / LN_2,
        })
    }
}

/// What a loss compares and writes.
pub struct LossBuffers<'a> {
    /// [`super::chain::Chain`]: its step chooses the slot of `losses`.
    pub chain: &'a Buffer,
    /// The network's output.
    pub output: &'a Buffer,
    /// x_0.
    pub x_start: &'a Buffer,
    /// The noise in x_t.
    pub noise: &'a Buffer,
    /// t of each sample.
    pub timesteps: &'a Buffer,
    /// Written: the output's gradient.
    pub d_output: &'a Buffer,
    /// Written: the squared error's and the bound's part of each sample's loss, two f32.
    pub sample_losses: &'a Buffer,
    /// Accumulated into: the loss of each of the latest steps.
    pub losses: &'a Buffer,
}

/// Records `loss` of `samples` samples of a batch of `batch`, and its gradient.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    gpu: &GpuContext,
    loss: &Loss,
    [samples, batch]: [u32; 2],
    [output, input]: [&Tensor; 2],
    buffers: &LossBuffers<'_>,
) -> Result<()> {
    let chunks = output.pixels().div_ceil(CHUNK);
    let elements = f64::from(output.pixels()) * f64::from(input.channels());
    let params = TrainingLoss {
        samples,
        pixels: output.pixels(),
        channels: input.channels(),
        output_stride: output.quads() * 4,
        stride: input.quads() * 4,
        chunk: CHUNK,
        chunks,
        learned_variance: loss.learned_variance.into(),
        bound_reaches_mean: loss.bound_reaches_mean.into(),
        bound_scale: loss.bound_scale as f32,
        scale: (elements * f64::from(batch)).recip() as f32,
        pad: 0,
    };
    let partials = gpu.buffer("loss partials", 2 * u64::from(samples * chunks))?;
    let args = [
        buffers.output,
        buffers.x_start,
        buffers.noise,
        buffers.timesteps,
        &loss.coefficients,
        buffers.d_output,
        &partials,
    ]
    .map(Arg::from);
    let key = KernelKey::new(&TRAINING_LOSS, "training_loss");
    rec.dispatch_items("loss", key, &params, &args, samples * chunks)?;
    let params = MeanLoss {
        samples,
        chunks,
        slots: (buffers.losses.bytes() / 4) as u32,
        sample_scale: elements.recip() as f32,
        batch_scale: f64::from(batch).recip() as f32,
        ..MeanLoss::default()
    };
    mean_loss::record(rec, &params, [buffers.chain, &partials, buffers.sample_losses, buffers.losses])
}
