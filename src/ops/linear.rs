//! Linear layers on embeddings: `shaders/linear.wgsl`. Their backward is `linear_gradient.rs`.

use super::block::Block;
use super::recording::Recording;
use crate::error::Result;
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{Affine, Graph, TensorId};

params! {
    /// Sizes of a linear layer.
    pub struct Linear {
        /// Batch size.
        rows: u32,
        /// Inputs / 4.
        in_quads: u32,
        /// Outputs / 4.
        out_quads: u32,
        /// 1 to apply SiLU to the input.
        silu: u32,
    }
}

/// `shaders/linear.wgsl`.
pub static LINEAR: Shader = Shader {
    name: "linear",
    source: wgsl!("linear"),
    params: Linear::LAYOUT,
    bindings: &[
        ("x", Binding::Read),
        ("weights", Binding::Read),
        ("bias", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["linear"],
    consts: &[],
    host: host!(linear::linear),
};

/// The weights and the biases of stacked layers from `x` to `out`.
pub(super) fn blocks(graph: &Graph, x: TensorId, layers: &[Affine], out: TensorId) -> [Block; 2] {
    let tensor = graph.tensor(out);
    let weights = Block::weights(graph, &tensor.name, layers, [&[x], &[out]], 1, tensor.quads() * 4);
    [weights, Block::biases(graph, &tensor.name, layers, out)]
}

pub(super) fn record(
    r: &mut Recording<'_, '_>,
    x: TensorId,
    silu: bool,
    layers: &[Affine],
    out: TensorId,
) -> Result<()> {
    let params = Linear {
        rows: r.batch,
        in_quads: r.graph.tensor(x).quads(),
        out_quads: r.graph.tensor(out).quads(),
        silu: silu.into(),
    };
    let label = &r.graph.tensor(out).name;
    let [weights, bias] = blocks(r.graph, x, layers, out);
    let (weights, bias) = (r.block(&weights)?, r.block(&bias)?);
    let (x, out) = (r.activation(x), r.activation(out));
    let args = [(&x).into(), (&weights).into(), (&bias).into(), (&out).into()];
    let items = params.rows * params.out_quads;
    r.rec.dispatch_items(label, KernelKey::new(&LINEAR, "linear"), &params, &args, items)
}
