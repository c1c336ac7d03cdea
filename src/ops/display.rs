//! A grid of pictures as a canvas's pixels: `shaders/display.wgsl`.

use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// The grid; the fields are explained in `shaders/display.wgsl`.
    pub struct Display {
        /// Pictures a row.
        columns: u32,
        /// Pictures.
        samples: u32,
        /// A picture's width.
        width: u32,
        /// A picture's height.
        height: u32,
        /// Canvas pixels for each of a picture's.
        zoom: u32,
        /// Canvas pixels between pictures.
        gap: u32,
        /// Channels.
        channels: u32,
        /// Floats of a pixel of the pictures.
        stride: u32,
        /// The canvas's width.
        canvas_width: u32,
        /// The canvas's height.
        canvas_height: u32,
        /// Pixels from one row of the output to the next.
        row: u32,
        /// 1 if blue comes first.
        bgra: u32,
        /// Contrast.
        gain: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/display.wgsl`.
pub static DISPLAY: Shader = Shader {
    name: "display",
    source: wgsl!("display"),
    params: Display::LAYOUT,
    bindings: &[("values", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["display"],
    consts: &[],
    host: host!(display::display),
};

/// Records the pictures in `values` (`[samples, pixels, stride]` f32) drawn into `out` (`[canvas_height, row]` words).
///
/// # Errors
/// If the canvas is too large for one dispatch.
pub fn record(rec: &mut Recorder<'_>, params: &Display, values: &Buffer, out: &Buffer) -> Result<()> {
    let groups = [params.canvas_width.div_ceil(8), params.canvas_height.div_ceil(8), 1];
    rec.dispatch("display", KernelKey::new(&DISPLAY, "display"), params, &[values.into(), out.into()], groups)
}
