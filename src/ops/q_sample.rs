//! The forward process in one jump: `shaders/q_sample.wgsl`.

use super::chain::Picture;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::rng::Stream;

params! {
    /// Sizes of a draw from q(x_t | x_0); the fields are explained in `shaders/q_sample.wgsl`.
    pub struct QSample {
        /// C · H · W.
        elements: u32,
        /// H · W.
        plane: u32,
        /// C.
        channels: u32,
        /// Floats of a pixel.
        stride: u32,
        /// Pictures.
        samples: u32,
        /// The stream of [`Stream`].
        stream: u32,
        /// 0 where all pictures draw the first one's noise, else 1.
        sample_step: u32,
        /// Unused.
        pad0: u32,
    }
}

/// `shaders/q_sample.wgsl`.
pub static Q_SAMPLE: Shader = Shader {
    name: "q_sample",
    source: wgsl!("q_sample"),
    params: QSample::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("x_start", Binding::Read),
        ("timesteps", Binding::Read),
        ("coefficients", Binding::Read),
        ("x_t", Binding::ReadWrite),
        ("noise", Binding::ReadWrite),
    ],
    entry_points: &["q_sample"],
    consts: &[],
    host: host!(q_sample::q_sample),
};

/// The buffers of [`record`].
pub struct ForwardBuffers<'a> {
    /// [`super::chain::Chain`]: seed and first sample.
    pub chain: &'a Buffer,
    /// x_0.
    pub x_start: &'a Buffer,
    /// t of each picture.
    pub timesteps: &'a Buffer,
    /// (√ᾱ, √(1 − ᾱ)) of every t.
    pub coefficients: &'a Buffer,
    /// Written: x_t.
    pub x_t: &'a Buffer,
    /// Written: the noise in it.
    pub noise: &'a Buffer,
}

/// Records x_t = √ᾱ_t · x_0 + √(1 − ᾱ_t) · noise.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(rec: &mut Recorder<'_>, picture: &Picture, buffers: &ForwardBuffers<'_>) -> Result<()> {
    let params = QSample {
        elements: picture.elements(),
        plane: picture.plane,
        channels: picture.channels,
        stride: picture.stride,
        samples: picture.samples,
        stream: Stream::ForwardNoise as u32,
        sample_step: picture.sample_step(),
        pad0: 0,
    };
    let args = [
        buffers.chain.into(),
        buffers.x_start.into(),
        buffers.timesteps.into(),
        buffers.coefficients.into(),
        buffers.x_t.into(),
        buffers.noise.into(),
    ];
    let groups = [picture.elements().div_ceil(4).div_ceil(64), picture.samples, 1];
    rec.dispatch("q_sample", KernelKey::new(&Q_SAMPLE, "q_sample"), &params, &args, groups)
}
