//! The simple loss and its gradient: `shaders/mse.wgsl`.

use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, GpuContext, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::graph::Tensor;

params! {
    /// Sizes of a loss; the fields are explained in `shaders/mse.wgsl`.
    pub struct Mse {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// Channels that are compared.
        channels: u32,
        /// `vec4`s of a pixel of the output.
        output_quads: u32,
        /// `vec4`s of a pixel of what is wanted.
        target_quads: u32,
        /// Pixels of a chunk.
        chunk: u32,
        /// Chunks of a sample.
        chunks: u32,
        /// Entries of `losses`.
        slots: u32,
        /// 1 / elements of the whole batch.
        scale: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/mse.wgsl`.
pub static MSE: Shader = Shader {
    name: "mse",
    source: wgsl!("mse"),
    params: Mse::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("output", Binding::Read),
        ("wanted", Binding::Read),
        ("d_output", Binding::ReadWrite),
        ("partials", Binding::ReadWrite),
        ("losses", Binding::ReadWrite),
    ],
    entry_points: &["mse", "mse_loss"],
    consts: &[],
};

/// Pixels that one invocation compares.
const CHUNK: u32 = 32;

/// What a loss compares and writes.
pub struct LossBuffers<'a> {
    /// [`super::chain::Chain`]: its step chooses the slot of `losses`.
    pub chain: &'a Buffer,
    /// The network's output.
    pub output: &'a Buffer,
    /// What its first channels should be.
    pub wanted: &'a Buffer,
    /// Written: the output's gradient.
    pub d_output: &'a Buffer,
    /// Accumulated into: the loss of each of the latest steps.
    pub losses: &'a Buffer,
}

/// Records the loss of `samples` samples of a batch of `batch` and its gradient.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    gpu: &GpuContext,
    [samples, batch]: [u32; 2],
    [output, wanted]: [&Tensor; 2],
    buffers: &LossBuffers<'_>,
) -> Result<()> {
    let chunks = output.pixels().div_ceil(CHUNK);
    let elements = f64::from(batch) * f64::from(output.pixels()) * f64::from(wanted.channels());
    let params = Mse {
        samples,
        pixels: output.pixels(),
        channels: wanted.channels(),
        output_quads: output.quads(),
        target_quads: wanted.quads(),
        chunk: CHUNK,
        chunks,
        slots: (buffers.losses.bytes() / 4) as u32,
        scale: elements.recip() as f32,
        ..Mse::default()
    };
    let partials = gpu.buffer("loss partials", u64::from(samples * chunks))?;
    let args = [buffers.chain, buffers.output, buffers.wanted, buffers.d_output, &partials, buffers.losses]
        .map(Arg::from);
    rec.dispatch_items("loss", KernelKey::new(&MSE, "mse"), &params, &args, samples * chunks)?;
    rec.dispatch("loss", KernelKey::new(&MSE, "mse_loss"), &params, &args, [1, 1, 1])
}
