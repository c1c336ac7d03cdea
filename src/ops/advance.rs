//! On to the next step of the chain: `shaders/advance.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of the chain.
    pub struct Advance {
        /// Steps of the chain.
        sampling_steps: u32,
        /// The network's batch.
        rows: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// `shaders/advance.wgsl`.
pub static ADVANCE: Shader = Shader {
    name: "advance",
    source: wgsl!("advance"),
    params: Advance::LAYOUT,
    bindings: &[("steps", Binding::Read), ("chain", Binding::ReadWrite), ("timesteps", Binding::ReadWrite)],
    entry_points: &["advance"],
    consts: &[],
    host: host!(advance::advance),
};

/// Records chain.step += 1 and the next t for every row of the network's batch.
///
/// # Errors
/// None that the caller can cause; dispatching can fail in general.
pub fn record(
    rec: &mut Recorder<'_>,
    sampling_steps: u32,
    rows: u32,
    steps: &Buffer,
    chain: &Buffer,
    timesteps: &Buffer,
) -> Result<()> {
    let params = Advance { sampling_steps, rows, pad0: 0, pad1: 0 };
    let args = [steps.into(), chain.into(), timesteps.into()];
    rec.dispatch("advance", KernelKey::new(&ADVANCE, "advance"), &params, &args, [1, 1, 1])
}
