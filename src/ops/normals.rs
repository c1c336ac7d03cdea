//! Standard normals from Philox, as x_T: `shaders/normals.wgsl`.

use super::chain::Picture;
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};
use crate::rng::Stream;

params! {
    /// Sizes of a draw; the fields are explained in `shaders/normals.wgsl`.
    pub struct Normals {
        /// C · H · W.
        elements: u32,
        /// H · W.
        plane: u32,
        /// C.
        channels: u32,
        /// Floats of a pixel of x.
        stride: u32,
        /// Pictures.
        samples: u32,
        /// The stream of [`Stream`].
        stream: u32,
        /// t of the counter.
        t: u32,
        /// 2 to write each sample twice.
        copies: u32,
        /// 0 where all pictures draw the first one's noise, else 1.
        sample_step: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/normals.wgsl`.
pub static NORMALS: Shader = Shader {
    name: "normals",
    source: wgsl!("normals"),
    params: Normals::LAYOUT,
    bindings: &[("chain", Binding::Read), ("x", Binding::ReadWrite)],
    entry_points: &["normals"],
    consts: &[],
    host: host!(normals::normals),
};

/// Records x = normals of `stream` at `t` for all pictures, written `copies` times.
///
/// # Errors
/// If the batch is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    picture: &Picture,
    stream: Stream,
    t: u32,
    chain: &Buffer,
    x: &Buffer,
) -> Result<()> {
    let params = Normals {
        elements: picture.elements(),
        plane: picture.plane,
        channels: picture.channels,
        stride: picture.stride,
        samples: picture.samples,
        stream: stream as u32,
        t,
        copies: picture.copies,
        sample_step: picture.sample_step(),
        ..Normals::default()
    };
    let groups = [picture.elements().div_ceil(4).div_ceil(64), picture.samples, 1];
    let key = KernelKey::new(&NORMALS, "normals");
    rec.dispatch("normals", key, &params, &[chain.into(), x.into()], groups)
}
