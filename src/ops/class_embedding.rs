//! The class label's row, added to the time embedding: `shaders/class_embedding.wgsl`.

use super::network::Recording;
use super::pack;
use crate::error::{Error, Result};
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{ParamId, TensorId};

params! {
    /// Sizes of a class embedding.
    pub struct ClassEmbedding {
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

/// `shaders/class_embedding.wgsl`.
pub static CLASS_EMBEDDING: Shader = Shader {
    name: "class_embedding",
    source: wgsl!("class_embedding"),
    params: ClassEmbedding::LAYOUT,
    bindings: &[
        ("x", Binding::Read),
        ("labels", Binding::Read),
        ("table", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["class_embedding"],
    consts: &[],
};

pub(super) fn record(r: &mut Recording<'_, '_>, x: TensorId, table: ParamId, out: TensorId) -> Result<()> {
    let label = r.graph.param(table).name.clone();
    let values = pack::read(r.graph, r.parameters, table)?;
    let positions = pack::concatenated(r.graph, &[x]);
    let channels = r.graph.param(table).shape[1];
    let rows = values.chunks_exact(channels);
    let packed: Vec<f32> =
        rows.flat_map(|row| positions.iter().map(|position| position.map_or(0.0, |c| row[c]))).collect();
    let table = r.rec.gpu.buffer_with(&label, &packed)?;
    let labels =
        r.labels.clone().ok_or_else(|| Error::input(format!("{label} needs a graph with num_classes")))?;
    let params = ClassEmbedding { rows: r.batch, width4: r.graph.tensor(x).quads(), pad0: 0, pad1: 0 };
    let (x, out) = (r.activation(x), r.activation(out));
    let args = [(&x).into(), (&labels).into(), (&table).into(), (&out).into()];
    let key = KernelKey::new(&CLASS_EMBEDDING, "class_embedding");
    r.rec.dispatch(&label, key, &params, &args, [params.width4.div_ceil(64), params.rows, 1])
}
