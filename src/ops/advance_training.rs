//! On to the next micro-batch or step of training: `shaders/advance_training.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Settings of an advance; the fields are explained in `shaders/advance_training.wgsl`.
    pub struct AdvanceTraining {
        /// Samples of a micro-batch.
        samples: u32,
        /// 1 at the end of a step.
        ends_step: u32,
        /// Entries of `losses`.
        slots: u32,
        /// Unused.
        pad: u32,
    }
}

/// `shaders/advance_training.wgsl`.
pub static ADVANCE_TRAINING: Shader = Shader {
    name: "advance_training",
    source: wgsl!("advance_training"),
    params: AdvanceTraining::LAYOUT,
    bindings: &[("chain", Binding::ReadWrite), ("losses", Binding::ReadWrite)],
    entry_points: &["advance_training"],
    consts: &[],
    host: host!(advance_training::advance_training),
};

/// Records the advance by `samples` samples.
///
/// # Errors
/// Never; dispatches of one workgroup are always allowed.
pub fn record(
    rec: &mut Recorder<'_>,
    samples: u32,
    ends_step: bool,
    chain: &Buffer,
    losses: &Buffer,
) -> Result<()> {
    let params =
        AdvanceTraining { samples, ends_step: ends_step.into(), slots: (losses.bytes() / 4) as u32, pad: 0 };
    let key = KernelKey::new(&ADVANCE_TRAINING, "advance_training");
    rec.dispatch("advance", key, &params, &[chain.into(), losses.into()], [1, 1, 1])
}
