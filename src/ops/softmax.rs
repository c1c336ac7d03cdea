//! Softmax over rows and its gradient: `shaders/softmax.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a softmax; the fields are explained in `shaders/softmax.wgsl`.
    pub struct Softmax {
        /// Rows of all matrices.
        rows: u32,
        /// Columns.
        columns: u32,
        /// `vec4`s of a row.
        quads: u32,
        /// Factor of the gradient; `softmax` does without.
        scale: f32,
    }
}

/// `shaders/softmax.wgsl`.
pub static SOFTMAX: Shader = Shader {
    name: "softmax",
    source: wgsl!("softmax"),
    params: Softmax::LAYOUT,
    bindings: &[("weights", Binding::Read), ("values", Binding::ReadWrite)],
    entry_points: &["softmax", "softmax_backward"],
    consts: &[],
    host: host!(softmax::softmax, softmax::softmax_backward),
};

/// The kernel of [`record`].
pub fn kernel() -> KernelKey {
    KernelKey::new(&SOFTMAX, "softmax")
}

/// Records values = softmax of each row of values, with zeros in the padding. values: `[rows, quads]` vec4.
///
/// # Errors
/// If there are too many rows for one dispatch.
pub fn record(rec: &mut Recorder<'_>, label: &str, params: &Softmax, values: &Buffer) -> Result<()> {
    // Values may not be bound twice, and this entry point has no weights yet.
    let no_weights = rec.gpu.buffer("no weights", 4)?;
    rec.dispatch_items(label, kernel(), params, &[(&no_weights).into(), values.into()], params.rows)
}

/// Records d_values = scale · weights · (d_values − Σ weights · d_values), Σ over each row: from the gradient of
/// `weights`, which [`record`] left, to that of what it took, times `scale`. Both: `[rows, quads]` vec4.
///
/// # Errors
/// As [`record`].
pub fn record_backward(
    rec: &mut Recorder<'_>,
    label: &str,
    params: &Softmax,
    weights: &Buffer,
    d_values: &Buffer,
) -> Result<()> {
    let key = KernelKey::new(&SOFTMAX, "softmax_backward");
    rec.dispatch_items(label, key, params, &[weights.into(), d_values.into()], params.rows)
}
