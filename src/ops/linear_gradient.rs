//! The gradients of linear layers on embeddings: `shaders/linear_gradient.wgsl`.

use super::backward::Backward;
use super::linear::blocks;
use crate::error::Result;
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{Affine, TensorId};

params! {
    /// Sizes of a linear layer's gradients.
    pub struct LinearGradient {
        /// Batch size.
        rows: u32,
        /// Inputs / 4.
        in_quads: u32,
        /// Outputs / 4.
        out_quads: u32,
        /// 1 if SiLU is applied to the input.
        silu: u32,
        /// 1 to add to `d_x`.
        accumulate: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/linear_gradient.wgsl`.
pub static LINEAR_GRADIENT: Shader = Shader {
    name: "linear_gradient",
    source: wgsl!("linear_gradient"),
    params: LinearGradient::LAYOUT,
    bindings: &[
        ("x", Binding::Read),
        ("weights", Binding::Read),
        ("d_out", Binding::Read),
        ("d_weights", Binding::ReadWrite),
        ("d_bias", Binding::ReadWrite),
        ("d_x", Binding::ReadWrite),
    ],
    entry_points: &["linear_weight_gradient", "linear_bias_gradient", "linear_input_gradient"],
    consts: &[],
    host: host!(
        linear_gradient::linear_weight_gradient,
        linear_gradient::linear_bias_gradient,
        linear_gradient::linear_input_gradient
    ),
};

pub(super) fn record_backward(
    b: &mut Backward<'_, '_, '_>,
    x: TensorId,
    silu: bool,
    layers: &[Affine],
    out: TensorId,
) -> Result<()> {
    let graph = b.r.graph;
    let label = &graph.tensor(out).name;
    let (in_quads, out_quads) = (graph.tensor(x).quads(), graph.tensor(out).quads());
    let [weights, bias] = blocks(graph, x, layers, out);
    let (values, d_weights, d_bias) =
        (b.r.block(&weights)?, b.r.block_gradient(&weights), b.r.block_gradient(&bias));
    let d_out = b.gradient_of(out);
    let wanted = b.is_wanted(x);
    // Something to bind where the input's gradient is not computed.
    let (d_x, add) = if wanted { b.gradient_to(x)? } else { (b.scratch(4)?, false) };
    let params = LinearGradient {
        rows: b.r.batch,
        in_quads,
        out_quads,
        silu: silu.into(),
        accumulate: add.into(),
        ..LinearGradient::default()
    };
    let x = b.r.activation(x);
    let args = [&x, &values, &d_out, &d_weights, &d_bias, &d_x].map(Into::into);
    let key = |entry| KernelKey::new(&LINEAR_GRADIENT, entry);
    let rec = &mut b.r.rec;
    rec.dispatch_items(label, key("linear_weight_gradient"), &params, &args, in_quads * out_quads)?;
    rec.dispatch_items(label, key("linear_bias_gradient"), &params, &args, out_quads)?;
    if wanted {
        rec.dispatch_items(label, key("linear_input_gradient"), &params, &args, params.rows * in_quads)?;
    } else {
        b.release(d_x);
    }
    Ok(())
}
