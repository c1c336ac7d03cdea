//! The norm of all gradients together, for clipping: `shaders/gradient_norm.wgsl`.

use super::store::{Array, ParameterStore};
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a norm; the fields are explained in `shaders/gradient_norm.wgsl`.
    pub struct GradientNorm {
        /// `vec4`s of this bank.
        count: u32,
        /// Where its partial sums begin.
        first_partial: u32,
        /// Partial sums of all banks.
        partials: u32,
        /// Entries of `norms`.
        slots: u32,
        /// The longest that the gradients may be, or 0 for no limit.
        max_norm: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/gradient_norm.wgsl`.
pub static GRADIENT_NORM: Shader = Shader {
    name: "gradient_norm",
    source: wgsl!("gradient_norm"),
    params: GradientNorm::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("gradients", Binding::Read),
        ("partials", Binding::ReadWrite),
        ("factor", Binding::ReadWrite),
        ("norms", Binding::ReadWrite),
    ],
    entry_points: &["squares", "norm"],
    consts: &[],
    host: host!(gradient_norm::squares, gradient_norm::norm),
};

/// `vec4`s of one workgroup of `squares`, and the partial sums it writes.
const WORKGROUP_QUADS: u32 = 4096;
const WORKGROUP_PARTIALS: u32 = 64;

/// Records the gradients' norm into `norms` (slot chain.step) and the factor that brings it to `max_norm` at most into
/// `factor`.
///
/// # Errors
/// If a bank is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    store: &ParameterStore,
    max_norm: Option<f32>,
    chain: &Buffer,
    factor: &Buffer,
    norms: &Buffer,
) -> Result<()> {
    let quads = |words: u64| (words / 4) as u32;
    let workgroups: Vec<u32> =
        store.banks().iter().map(|bank| quads(bank.words).div_ceil(WORKGROUP_QUADS)).collect();
    let total = workgroups.iter().sum::<u32>() * WORKGROUP_PARTIALS;
    let partials = rec.gpu.buffer("gradient norm partials", total.into())?;
    let mut params = GradientNorm {
        partials: total,
        slots: (norms.bytes() / 4) as u32,
        max_norm: max_norm.unwrap_or(0.0),
        ..GradientNorm::default()
    };
    for (bank, groups) in store.banks().iter().zip(&workgroups) {
        params.count = quads(bank.words);
        let args = [chain, bank.array(Array::Gradients), &partials, factor, norms].map(Arg::from);
        rec.dispatch(
            "gradient norm",
            KernelKey::new(&GRADIENT_NORM, "squares"),
            &params,
            &args,
            [*groups, 1, 1],
        )?;
        params.first_partial += groups * WORKGROUP_PARTIALS;
    }
    let args = [chain, store.banks()[0].array(Array::Gradients), &partials, factor, norms].map(Arg::from);
    rec.dispatch("gradient norm", KernelKey::new(&GRADIENT_NORM, "norm"), &params, &args, [1, 1, 1])
}
