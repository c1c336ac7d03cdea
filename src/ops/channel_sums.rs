//! Sums of a tensor over pixels, chunk by chunk: `shaders/channel_sums.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Sizes of the sums; the fields are explained in `shaders/channel_sums.wgsl`.
    pub struct ChannelSums {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// `vec4`s of a pixel.
        quads: u32,
        /// Pixels of a chunk.
        chunk: u32,
    }
}

/// `shaders/channel_sums.wgsl`.
pub static CHANNEL_SUMS: Shader = Shader {
    name: "channel_sums",
    source: wgsl!("channel_sums"),
    params: ChannelSums::LAYOUT,
    bindings: &[("x", Binding::Read), ("partials", Binding::ReadWrite)],
    entry_points: &["channel_sums"],
    consts: &[],
    host: host!(channel_sums::channel_sums),
};

/// Pixels that one invocation adds up.
const CHUNK: u32 = 32;

/// Chunks of a sample of `pixels` pixels.
pub(super) fn chunks(pixels: u32) -> u32 {
    pixels.div_ceil(CHUNK)
}

/// Records partials\[sample, chunk\] = Σ x over the chunk's pixels; x: `[samples, pixels, quads]`.
pub(super) fn record(
    rec: &mut Recorder<'_>,
    label: &str,
    [samples, pixels, quads]: [u32; 3],
    x: &Buffer,
    partials: &Buffer,
) -> Result<()> {
    let params = ChannelSums { samples, pixels, quads, chunk: CHUNK };
    let key = KernelKey::new(&CHANNEL_SUMS, "channel_sums");
    rec.dispatch_items(label, key, &params, &[x.into(), partials.into()], samples * chunks(pixels) * quads)
}
