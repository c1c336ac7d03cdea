//! The timesteps of a training batch: `shaders/draw_timesteps.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of a draw; the fields are explained in `shaders/draw_timesteps.wgsl`.
    pub struct DrawTimesteps {
        /// Batch size.
        samples: u32,
        /// T.
        num_timesteps: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// `shaders/draw_timesteps.wgsl`.
pub static DRAW_TIMESTEPS: Shader = Shader {
    name: "draw_timesteps",
    source: wgsl!("draw_timesteps"),
    params: DrawTimesteps::LAYOUT,
    bindings: &[("chain", Binding::Read), ("timesteps", Binding::ReadWrite)],
    entry_points: &["draw_timesteps"],
    consts: &[],
    host: host!(draw_timesteps::draw_timesteps),
};

/// Records timesteps\[n\] ~ Uniform{0, …, T − 1}.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    samples: u32,
    num_timesteps: u32,
    chain: &Buffer,
    timesteps: &Buffer,
) -> Result<()> {
    let params = DrawTimesteps { samples, num_timesteps, pad0: 0, pad1: 0 };
    let key = KernelKey::new(&DRAW_TIMESTEPS, "draw_timesteps");
    rec.dispatch_items("timesteps", key, &params, &[chain.into(), timesteps.into()], samples)
}
