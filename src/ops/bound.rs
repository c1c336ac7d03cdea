//! One term of the variational bound: `shaders/bound.wgsl`.

use super::chain::Picture;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::spec::DiffusionSpec;

params! {
    /// Sizes of a term of the bound; the fields are explained in `shaders/bound.wgsl`.
    pub struct Bound {
        /// H · W.
        plane: u32,
        /// C.
        channels: u32,
        /// Floats of a pixel of x_t.
        stride: u32,
        /// Floats of a pixel of the network's output.
        output_stride: u32,
        /// Pictures.
        samples: u32,
        /// T.
        num_timesteps: u32,
        /// [`VarianceType`](crate::spec::VarianceType), in its order.
        variance_type: u32,
        /// 1 to clip the predicted x_0.
        clip: u32,
    }
}

/// `shaders/bound.wgsl`.
pub static BOUND: Shader = Shader {
    name: "bound",
    source: wgsl!("bound"),
    params: Bound::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("steps", Binding::Read),
        ("timesteps", Binding::Read),
        ("x_start", Binding::Read),
        ("x_t", Binding::Read),
        ("noise", Binding::Read),
        ("model_output", Binding::Read),
        ("terms", Binding::ReadWrite),
    ],
    entry_points: &["bound"],
    consts: &[],
    host: host!(bound::bound),
};

/// The buffers of [`record`].
pub struct BoundBuffers<'a> {
    /// [`super::chain::Chain`]: its step is the slot that is written.
    pub chain: &'a Buffer,
    /// [`super::chain::StepCoefficients`] of the full chain.
    pub steps: &'a Buffer,
    /// t of each picture.
    pub timesteps: &'a Buffer,
    /// x_0.
    pub x_start: &'a Buffer,
    /// x_t.
    pub x_t: &'a Buffer,
    /// The noise in x_t.
    pub noise: &'a Buffer,
    /// The network's output.
    pub model_output: &'a Buffer,
    /// The floats of its pixels.
    pub output_stride: u32,
    /// Written: `[slots][samples]` (bits per dimension, error of x̂_0, error of ε̂, 0).
    pub terms: &'a Buffer,
}

/// Records the term at each picture's t.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    picture: &Picture,
    spec: &DiffusionSpec,
    buffers: &BoundBuffers<'_>,
) -> Result<()> {
    let params = Bound {
        plane: picture.plane,
        channels: picture.channels,
        stride: picture.stride,
        output_stride: buffers.output_stride,
        samples: picture.samples,
        num_timesteps: spec.num_timesteps,
        variance_type: spec.variance_type as u32,
        clip: spec.clip_sample.into(),
    };
    let args = [
        buffers.chain.into(),
        buffers.steps.into(),
        buffers.timesteps.into(),
        buffers.x_start.into(),
        buffers.x_t.into(),
        buffers.noise.into(),
        buffers.model_output.into(),
        buffers.terms.into(),
    ];
    rec.dispatch("bound", KernelKey::new(&BOUND, "bound"), &params, &args, [picture.samples, 1, 1])
}
