//! Host kernel of `shaders/display.wgsl`: a grid of pictures as a canvas's pixels, each looked up (nearest);
//! shade = (value · gain + 1) / 2, clipped to [0, 1].

use crate::gpu::Call;
use crate::ops::display::Display;

/// The canvas's pixels; what is between pictures and past the last is transparent.
pub fn display(call: &mut Call<'_>) {
    let params: Display = call.params();
    let values = call.read(0);
    let out = call.write_u32(1);
    let (row, rows) = (params.row as usize, params.canvas_height as usize);
    call.team().for_each_piece(&mut out[..row * rows], row, |y, out| {
        row_of_pictures(&params, values, y as u32, &mut out[..params.canvas_width as usize]);
    });
}

/// Row `y` of the canvas.
fn row_of_pictures(params: &Display, values: &[f32], y: u32, out: &mut [u32]) {
    let Display { columns, samples, width, height, zoom, gap, stride, .. } = *params;
    out.fill(0);
    let cell = height * zoom + gap;
    let (row, line) = (y / cell, y % cell / zoom);
    if line >= height {
        return;
    }
    for column in 0..columns.min(samples.saturating_sub(row * columns)) {
        let sample = row * columns + column;
        let pixels = &values[((sample * height + line) * width * stride) as usize..];
        let Some(out) = out.get_mut((column * (width * zoom + gap)) as usize..) else { return };
        let shown = pixels.chunks(stride as usize).take(width as usize);
        // A canvas may be cut off.
        for (out, pixel) in out.chunks_mut(zoom as usize).zip(shown) {
            out.fill(colour(params, pixel));
        }
    }
}

/// A picture's pixel as the canvas's.
fn colour(params: &Display, pixel: &[f32]) -> u32 {
    let shade = |value: f32| (255.0 * (value * params.gain * 0.5 + 0.5).clamp(0.0, 1.0) + 0.5) as u8;
    let [red, green, blue] = [0, 1, 2].map(|c| shade(pixel[if params.channels < 3 { 0 } else { c }]));
    let [first, last] = if params.bgra == 1 { [blue, red] } else { [red, blue] };
    u32::from_le_bytes([first, green, last, 255])
}
