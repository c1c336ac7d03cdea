//! From sums to losses: `shaders/mean_loss.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a batch's losses; the fields are explained in `shaders/mean_loss.wgsl`.
    pub struct MeanLoss {
        /// Samples whose sums there are.
        samples: u32,
        /// Sums of a sample.
        chunks: u32,
        /// Entries of `losses`.
        slots: u32,
        /// Unused.
        pad0: u32,
        /// 1 / elements of a sample.
        sample_scale: f32,
        /// 1 / samples of the whole batch.
        batch_scale: f32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/mean_loss.wgsl`.
pub static MEAN_LOSS: Shader = Shader {
    name: "mean_loss",
    source: wgsl!("mean_loss"),
    params: MeanLoss::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("partials", Binding::Read),
        ("sample_losses", Binding::ReadWrite),
        ("losses", Binding::ReadWrite),
    ],
    entry_points: &["mean_loss"],
    consts: &[],
    host: host!(mean_loss::mean_loss),
};

/// Records the losses of the samples whose sums are in `partials`.
///
/// # Errors
/// Never; dispatches of one workgroup are always allowed.
pub(super) fn record(
    rec: &mut Recorder<'_>,
    params: &MeanLoss,
    [chain, partials, sample_losses, losses]: [&Buffer; 4],
) -> Result<()> {
    let args = [chain.into(), partials.into(), sample_losses.into(), losses.into()];
    rec.dispatch("loss", KernelKey::new(&MEAN_LOSS, "mean_loss"), params, &args, [1, 1, 1])
}
