//! Linear layers on embeddings: `shaders/linear.wgsl`.

use super::network::Recording;
use super::pack::{self, Channels};
use crate::error::Result;
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{Affine, TensorId};

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
};

pub(super) fn record(
    r: &mut Recording<'_, '_>,
    x: TensorId,
    silu: bool,
    layers: &[Affine],
    out: TensorId,
) -> Result<()> {
    let label = r.graph.tensor(out).name.clone();
    let channels = Channels::of(r.graph, &[x], out);
    let params = Linear {
        rows: r.batch,
        in_quads: r.graph.tensor(x).quads(),
        out_quads: r.graph.tensor(out).quads(),
        silu: silu.into(),
    };
    let width = params.out_quads as usize * 4;
    let weights = pack::weights(r.graph, r.parameters, layers, &channels, 1, width)?;
    let bias = pack::biases(r.graph, r.parameters, layers, &channels)?;
    let weights = r.rec.gpu.buffer_with(&format!("{label}.weight"), &weights)?;
    let bias = r.rec.gpu.buffer_with(&format!("{label}.bias"), &bias)?;
    let (x, out) = (r.activation(x), r.activation(out));
    let args = [(&x).into(), (&weights).into(), (&bias).into(), (&out).into()];
    let items = params.rows * params.out_quads;
    r.rec.dispatch_items(&label, KernelKey::new(&LINEAR, "linear"), &params, &args, items)
}
