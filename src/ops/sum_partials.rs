//! Partial sums added up in their order: `shaders/sum_partials.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of the sums; the fields are explained in `shaders/sum_partials.wgsl`.
    pub struct SumPartials {
        /// Rows of `out`.
        rows: u32,
        /// Partial sums of each row.
        count: u32,
        /// `vec4`s of one.
        width: u32,
        /// `vec4`s from one row of `out` to the next.
        out_stride: u32,
        /// First `vec4` in a row of `out`.
        out_offset: u32,
        /// 1 to add to `out`.
        accumulate: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// `shaders/sum_partials.wgsl`.
pub static SUM_PARTIALS: Shader = Shader {
    name: "sum_partials",
    source: wgsl!("sum_partials"),
    params: SumPartials::LAYOUT,
    bindings: &[("partials", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["sum_partials"],
    consts: &[],
    host: host!(sum_partials::sum_partials),
};

/// out\[row, out_offset + c\] = Σ partials\[row, i, c\] over i, or += it; counted in `vec4`s.
pub(super) struct Sum {
    pub(super) rows: u32,
    pub(super) count: u32,
    pub(super) width: u32,
    pub(super) out_stride: u32,
    pub(super) out_offset: u32,
    pub(super) accumulate: bool,
}

impl Sum {
    /// Records it.
    pub(super) fn record(
        &self,
        rec: &mut Recorder<'_>,
        label: &str,
        partials: &Buffer,
        out: &Buffer,
    ) -> Result<()> {
        let params = SumPartials {
            rows: self.rows,
            count: self.count,
            width: self.width,
            out_stride: self.out_stride,
            out_offset: self.out_offset,
            accumulate: self.accumulate.into(),
            pad0: 0,
            pad1: 0,
        };
        let key = KernelKey::new(&SUM_PARTIALS, "sum_partials");
        rec.dispatch_items(label, key, &params, &[partials.into(), out.into()], self.rows * self.width)
    }
}
