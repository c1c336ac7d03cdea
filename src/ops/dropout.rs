//! Dropout in training, forward and backward alike: `shaders/dropout.wgsl`.

use super::block::concatenated;
use super::recording::Recording;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Shader, params, wgsl};
use crate::graph::TensorId;

params! {
    /// Sizes of a dropout; the fields are explained in `shaders/dropout.wgsl`.
    pub struct Dropout {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// `vec4`s of a pixel.
        quads: u32,
        /// The operation's index in the recording.
        layer: u32,
        /// Probability of zero.
        rate: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/dropout.wgsl`.
pub static DROPOUT: Shader = Shader {
    name: "dropout",
    source: wgsl!("dropout"),
    params: Dropout::LAYOUT,
    bindings: &[("chain", Binding::Read), ("channels", Binding::Read), ("x", Binding::ReadWrite)],
    entry_points: &["dropout"],
    consts: &[],
    host: host!(dropout::dropout),
};

/// Records dropout of `x`, which has the shape of `tensor`, the output of the operation `op_ix`; nothing where the rate is 0
/// or where nothing is drawn, outside of training.
pub(super) fn record(
    r: &mut Recording<'_, '_>,
    tensor: TensorId,
    op_ix: usize,
    rate: f32,
    x: &Buffer,
) -> Result<()> {
    let Some(chain) = r.chain.clone().filter(|_| rate > 0.0) else { return Ok(()) };
    let shape = r.graph.tensor(tensor);
    let params = Dropout {
        samples: r.batch,
        pixels: shape.pixels(),
        quads: shape.quads(),
        layer: op_ix as u32,
        rate,
        pad0: 0,
        pad1: 0,
        pad2: 0,
    };
    let label = format!("{}.dropout", shape.name);
    let channels: Vec<u32> =
        concatenated(r.graph, &[tensor]).into_iter().map(|c| c.map_or(u32::MAX, |c| c as u32)).collect();
    let channels = r.rec.gpu.buffer_with(&label, &channels)?;
    let args = [(&chain).into(), (&channels).into(), x.into()];
    let items = params.samples * params.pixels * params.quads;
    r.rec.dispatch_items(&label, KernelKey::new(&DROPOUT, "dropout"), &params, &args, items)
}
