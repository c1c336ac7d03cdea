//! What is known of a picture, at the chain's level: `shaders/inpaint.wgsl`.

use super::chain::Picture;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a chain; the fields are explained in `shaders/inpaint.wgsl`.
    pub struct Inpaint {
        /// C · H · W.
        elements: u32,
        /// H · W.
        plane: u32,
        /// Floats of a pixel.
        stride: u32,
        /// Pictures.
        samples: u32,
        /// 2 if the batch holds each picture twice.
        copies: u32,
        /// Steps of the chain.
        sampling_steps: u32,
        /// 0 where all pictures draw the first one's noise, else 1.
        sample_step: u32,
        /// Unused.
        pad0: u32,
    }
}

/// `shaders/inpaint.wgsl`.
pub static INPAINT: Shader = Shader {
    name: "inpaint",
    source: wgsl!("inpaint"),
    params: Inpaint::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("steps", Binding::Read),
        ("known", Binding::Read),
        ("mask", Binding::Read),
        ("x", Binding::ReadWrite),
    ],
    entry_points: &["inpaint"],
    consts: &[],
    host: host!(inpaint::inpaint),
};

/// The buffers of [`record`].
pub struct KnownBuffers<'a> {
    /// [`super::chain::Chain`].
    pub chain: &'a Buffer,
    /// [`super::chain::StepCoefficients`] of all steps.
    pub steps: &'a Buffer,
    /// x_0 where it is known.
    pub known: &'a Buffer,
    /// `[H · W]`: below ½ where it is known.
    pub mask: &'a Buffer,
    /// x_t.
    pub x: &'a Buffer,
}

/// Records x = √ᾱ_t · known + √(1 − ᾱ_t) · noise wherever it is known, t being that of the next of `sampling_steps` steps.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    picture: &Picture,
    sampling_steps: u32,
    buffers: &KnownBuffers<'_>,
) -> Result<()> {
    let params = Inpaint {
        elements: picture.elements(),
        plane: picture.plane,
        stride: picture.stride,
        samples: picture.samples,
        copies: picture.copies,
        sampling_steps,
        sample_step: picture.sample_step(),
        pad0: 0,
    };
    let args = [
        buffers.chain.into(),
        buffers.steps.into(),
        buffers.known.into(),
        buffers.mask.into(),
        buffers.x.into(),
    ];
    let groups = [picture.elements().div_ceil(4).div_ceil(64), picture.samples, 1];
    rec.dispatch("inpaint", KernelKey::new(&INPAINT, "inpaint"), &params, &args, groups)
}
