//! One reverse step that follows a classifier: `shaders/guided_step.wgsl`.

use super::chain::Picture;
use super::p_sample::{self, PSample, ReverseStep, StepBuffers};
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, wgsl};
use crate::spec::DiffusionSpec;

/// `shaders/guided_step.wgsl`.
pub static GUIDED_STEP: Shader = Shader {
    name: "guided_step",
    source: wgsl!("guided_step"),
    params: PSample::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("steps", Binding::Read),
        ("model_output", Binding::Read),
        ("x", Binding::ReadWrite),
        ("pred_x_start", Binding::ReadWrite),
        ("pred_noise", Binding::ReadWrite),
        ("gradient", Binding::Read),
    ],
    entry_points: &["p_sample_guided", "ddim_step_guided"],
    consts: &[],
    host: host!(guided_step::p_sample_guided, guided_step::ddim_step_guided),
};

/// Records one reverse step moved by `gradient`, ∇ ln p(y | x_t), laid out as the predicted noise is; `guidance` as in
/// [`p_sample::record`].
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
    gradient: &Buffer,
) -> Result<()> {
    let params = p_sample::step_params(picture, spec, step, guidance, buffers.output_stride);
    let entry_point = match step {
        ReverseStep::Ancestral => "p_sample_guided",
        ReverseStep::Ddim(_) => "ddim_step_guided",
    };
    let args = [
        buffers.chain.into(),
        buffers.steps.into(),
        buffers.model_output.into(),
        buffers.x.into(),
        buffers.pred_x_start.into(),
        buffers.pred_noise.into(),
        gradient.into(),
    ];
    let key = KernelKey::new(&GUIDED_STEP, entry_point);
    rec.dispatch(entry_point, key, &params, &args, p_sample::groups(picture))
}
