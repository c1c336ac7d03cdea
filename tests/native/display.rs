//! The canvas's pixels: each where its picture is, in both orders of bytes.

use ddpm::gpu::{GpuContext, Recorder};
use ddpm::ops::display::{self, Display};

use super::gpu::{block_on, devices, name};
use super::reference::random::normals;

/// What the kernel writes for `values` on a canvas of `params`: `[canvas_height, row]` pixels of four bytes.
fn draw(gpu: &GpuContext, params: &Display, values: &[f32]) -> Vec<[u8; 4]> {
    let pixels = u64::from(params.row * params.canvas_height);
    let values = gpu.buffer_with("values", values).expect("memory");
    let out = gpu.buffer("out", pixels).expect("memory");
    let mut rec = Recorder::new(gpu);
    display::record(&mut rec, params, &values, &out).expect("a plan");
    rec.finish().submit(gpu);
    block_on(gpu.read(&out)).expect("pixels")
}

/// The same on the host; what lies beyond the canvas's width is 0.
fn expected(params: &Display, values: &[f32]) -> Vec<[u8; 4]> {
    let shade = |value: f32| ((value * params.gain).mul_add(127.5, 127.5)).clamp(0.0, 255.0).round() as u8;
    let mut out = vec![[0; 4]; (params.row * params.canvas_height) as usize];
    let pictures = values.chunks_exact((params.width * params.height * params.stride) as usize);
    for (picture, ix) in pictures.take(params.samples as usize).zip(0..) {
        let left = ix % params.columns * (params.width * params.zoom + params.gap);
        let top = ix / params.columns * (params.height * params.zoom + params.gap);
        for y in 0..params.height * params.zoom {
            for x in 0..params.width * params.zoom {
                let pixel = (y / params.zoom * params.width + x / params.zoom) * params.stride;
                let pixel = &picture[pixel as usize..];
                let [r, g, b] = [0, 1, 2].map(|c| shade(pixel[if params.channels < 3 { 0 } else { c }]));
                out[((top + y) * params.row + left + x) as usize] =
                    if params.bgra == 1 { [b, g, r, 255] } else { [r, g, b, 255] };
            }
        }
    }
    out
}

#[test]
fn pixels_are_where_their_pictures_are() {
    for (columns, samples, [height, width], zoom, gap, channels, bgra, gain) in [
        (1, 1, [1, 1], 1, 1, 1, 0, 1.0),
        (2, 3, [5, 7], 3, 1, 1, 1, 1.0),
        (2, 3, [4, 3], 2, 4, 3, 0, 1.0 / 3.0),
        (3, 5, [8, 8], 9, 4, 3, 1, 1.0),
        (2, 4, [2, 40], 1, 1, 4, 0, 0.5),
    ] {
        let side = |cells: u32, size: u32| cells * (size * zoom + gap) - gap;
        let canvas_width = side(columns, width);
        let params = Display {
            columns,
            samples,
            width,
            height,
            zoom,
            gap,
            channels,
            stride: 4,
            canvas_width,
            canvas_height: side(samples.div_ceil(columns), height),
            row: canvas_width.next_multiple_of(64),
            bgra,
            gain,
            ..Display::default()
        };
        let values = normals(5, (samples * width * height * 4) as usize, 0.0, 1.0);
        let want = expected(&params, &values);
        let most = |found: &[[u8; 4]]| {
            let bytes = found.iter().flatten().zip(want.iter().flatten());
            bytes.map(|(found, want)| found.abs_diff(*want)).max().expect("pixels")
        };
        for gpu in devices() {
            let found = draw(gpu, &params, &values);
            // A value half-way between two bytes may be rounded to either.
            assert!(most(&found) <= 1, "{}, {params:?}", name(gpu));
            let swapped: Vec<[u8; 4]> = found.iter().map(|[a, b, c, d]| [*d, *b, *c, *a]).collect();
            assert!(most(&swapped) > 1, "the comparison cannot fail");
        }
    }
}
