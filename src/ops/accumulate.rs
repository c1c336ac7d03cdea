//! One more contribution to a gradient: `shaders/accumulate.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a contribution; the fields are explained in `shaders/accumulate.wgsl`.
    pub struct Accumulate {
        /// `vec4`s of `out`.
        count: u32,
        /// Pixels a row of `out`.
        width: u32,
        /// `vec4`s of a pixel.
        quads: u32,
        /// 1 to add to `out`.
        add: u32,
    }
}

/// `shaders/accumulate.wgsl`.
pub static ACCUMULATE: Shader = Shader {
    name: "accumulate",
    source: wgsl!("accumulate"),
    params: Accumulate::LAYOUT,
    bindings: &[("x", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["accumulate", "downsample"],
    consts: &[],
    host: host!(accumulate::accumulate, accumulate::downsample),
};

/// Records out += x, or out = x, of `quads` `vec4`s.
///
/// # Errors
/// If there are too many for one dispatch.
pub(super) fn record(
    rec: &mut Recorder<'_>,
    label: &str,
    quads: u32,
    x: &Buffer,
    out: &Buffer,
    add: bool,
) -> Result<()> {
    let params = Accumulate { count: quads, width: 0, quads: 0, add: add.into() };
    rec.dispatch_items(
        label,
        KernelKey::new(&ACCUMULATE, "accumulate"),
        &params,
        &[x.into(), out.into()],
        quads,
    )
}

/// Records out = the sums of x over each 2 × 2 pixels, or out += them; out: [samples, height, width, quads].
///
/// # Errors
/// As [`record`].
pub(super) fn record_downsample(
    rec: &mut Recorder<'_>,
    label: &str,
    [samples, height, width, quads]: [u32; 4],
    x: &Buffer,
    out: &Buffer,
    add: bool,
) -> Result<()> {
    let count = samples * height * width * quads;
    let params = Accumulate { count, width, quads, add: add.into() };
    rec.dispatch_items(
        label,
        KernelKey::new(&ACCUMULATE, "downsample"),
        &params,
        &[x.into(), out.into()],
        count,
    )
}
