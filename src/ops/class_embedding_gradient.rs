//! The gradient of the class labels' table: `shaders/class_embedding_gradient.wgsl`.

use super::backward::Backward;
use super::class_embedding::{block, labels};
use crate::error::Result;
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{ParamId, TensorId};

params! {
    /// Sizes of the table's gradient; the fields are explained in `shaders/class_embedding_gradient.wgsl`.
    pub struct ClassEmbeddingGradient {
        /// Batch size.
        rows: u32,
        /// `vec4`s of a row.
        width4: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// `shaders/class_embedding_gradient.wgsl`.
pub static CLASS_EMBEDDING_GRADIENT: Shader = Shader {
    name: "class_embedding_gradient",
    source: wgsl!("class_embedding_gradient"),
    params: ClassEmbeddingGradient::LAYOUT,
    bindings: &[("labels", Binding::Read), ("d_out", Binding::Read), ("d_table", Binding::ReadWrite)],
    entry_points: &["class_embedding_gradient"],
    consts: &[],
    host: host!(class_embedding_gradient::class_embedding_gradient),
};

pub(super) fn record_backward(
    b: &mut Backward<'_, '_, '_>,
    x: TensorId,
    table: ParamId,
    out: TensorId,
) -> Result<()> {
    let graph = b.r.graph;
    let (label, rows) = (&graph.param(table).name, graph.param(table).shape[0] as u32);
    let d_table = b.r.block_gradient(&block(graph, x, table));
    let (labels, d_out) = (labels(b.r, label)?, b.gradient_of(out));
    let params =
        ClassEmbeddingGradient { rows: b.r.batch, width4: graph.tensor(x).quads(), pad0: 0, pad1: 0 };
    let args = [(&labels).into(), (&d_out).into(), (&d_table).into()];
    let key = KernelKey::new(&CLASS_EMBEDDING_GRADIENT, "class_embedding_gradient");
    b.r.rec.dispatch(label, key, &params, &args, [params.width4.div_ceil(64), rows, 1])?;
    b.add(x, &d_out)
}
