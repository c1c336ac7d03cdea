//! One reverse step, ancestral or DDIM: `shaders/p_sample.wgsl`.

use super::chain::Picture;
use crate::diffusion::PredNoise;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::spec::DiffusionSpec;

params! {
    /// Settings of a reverse step; the fields are explained in `shaders/p_sample.wgsl`.
    pub struct PSample {
        /// C · H · W.
        elements: u32,
        /// H · W.
        plane: u32,
        /// C.
        channels: u32,
        /// Floats of a pixel of x.
        stride: u32,
        /// Floats of a pixel of the network's output.
        output_stride: u32,
        /// Pictures.
        samples: u32,
        /// [`VarianceType`](crate::spec::VarianceType), in its order.
        variance_type: u32,
        /// 1 to clip the predicted x_0.
        clip: u32,
        /// 1 to keep the network's ε where x_0 was clipped.
        pred_noise_from_network: u32,
        /// 2 if the batch holds each picture twice.
        copies: u32,
        /// 1 to combine the label's and the null class's ε.
        guidance_mode: u32,
        /// w of ε = (1 − w) · ε_null + w · ε_label.
        guidance: f32,
        /// 0 where all pictures draw the first one's noise, else 1.
        sample_step: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/p_sample.wgsl`.
pub static P_SAMPLE: Shader = Shader {
    name: "p_sample",
    source: wgsl!("p_sample"),
    params: PSample::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("steps", Binding::Read),
        ("model_output", Binding::Read),
        ("x", Binding::ReadWrite),
        ("pred_x_start", Binding::ReadWrite),
        ("pred_noise", Binding::ReadWrite),
    ],
    entry_points: &["p_sample", "ddim_step"],
    consts: &[],
    host: host!(p_sample::p_sample, p_sample::ddim_step),
};

/// Which of the two steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReverseStep {
    /// Algorithm 2's.
    Ancestral,
    /// DDIM's, either way, or Langevin dynamics', with this ε̂.
    Ddim(PredNoise),
}

/// The buffers of a reverse step.
pub struct StepBuffers<'a> {
    /// [`super::chain::Chain`].
    pub chain: &'a Buffer,
    /// [`super::chain::StepCoefficients`] of all steps.
    pub steps: &'a Buffer,
    /// The network's output.
    pub model_output: &'a Buffer,
    /// The floats of its pixels.
    pub output_stride: u32,
    /// x_t, then x_{t−1}.
    pub x: &'a Buffer,
    /// Predicted x_0.
    pub pred_x_start: &'a Buffer,
    /// Predicted ε.
    pub pred_noise: &'a Buffer,
}

/// The kernel of a step.
pub fn entry_point(step: ReverseStep) -> &'static str {
    match step {
        ReverseStep::Ancestral => "p_sample",
        ReverseStep::Ddim(_) => "ddim_step",
    }
}

/// Records one reverse step; `guidance` is w where both branches were evaluated.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    picture: &Picture,
    spec: &DiffusionSpec,
    step: ReverseStep,
    guidance: Option<f32>,
    buffers: &StepBuffers<'_>,
) -> Result<()> {
    let params = step_params(picture, spec, step, guidance, buffers.output_stride);
    let entry_point = entry_point(step);
    let args = [
        buffers.chain.into(),
        buffers.steps.into(),
        buffers.model_output.into(),
        buffers.x.into(),
        buffers.pred_x_start.into(),
        buffers.pred_noise.into(),
    ];
    rec.dispatch(entry_point, KernelKey::new(&P_SAMPLE, entry_point), &params, &args, groups(picture))
}

/// What a step's kernel is told.
pub fn step_params(
    picture: &Picture,
    spec: &DiffusionSpec,
    step: ReverseStep,
    guidance: Option<f32>,
    output_stride: u32,
) -> PSample {
    PSample {
        elements: picture.elements(),
        plane: picture.plane,
        channels: picture.channels,
        stride: picture.stride,
        output_stride,
        samples: picture.samples,
        variance_type: spec.variance_type as u32,
        clip: spec.clip_sample.into(),
        pred_noise_from_network: (step == ReverseStep::Ddim(PredNoise::FromNetwork)).into(),
        copies: picture.copies,
        guidance_mode: guidance.is_some().into(),
        guidance: guidance.unwrap_or(0.0),
        sample_step: picture.sample_step(),
        ..PSample::default()
    }
}

/// Workgroups of a step's kernel.
pub fn groups(picture: &Picture) -> [u32; 3] {
    [picture.elements().div_ceil(4).div_ceil(64), picture.samples, 1]
}
