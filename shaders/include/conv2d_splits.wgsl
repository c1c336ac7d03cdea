// The sums of a convolution's weight gradient, for the uniform block `params: Conv2dWeightGradient`: which pixels a split has,
// what a tap reads for one, and where a split's sums go.

struct Conv2dWeightGradient {
    samples: u32,
    out_height: u32,
    out_width: u32,
    out_quads: u32,
    in_height: u32,
    in_width: u32,
    x_quads: u32,
    // Quads of all sources, and of those before this one.
    k_quads: u32,
    k_offset: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    upsample: u32,
    // Quads of a row of the weights: out_quads and padding.
    weight_quads: u32,
    splits: u32,
    // By what d_out is multiplied before it is rounded to f16, on matrix units.
    scale: f32,
}

// First output pixel of a split, and the first behind it: whole lines of pixels.
fn split_pixels(split: u32) -> vec2<u32> {
    let lines = params.samples * params.out_height;
    let share = (lines + params.splits - 1u) / params.splits;
    return min(vec2<u32>(split, split + 1u) * share, vec2<u32>(lines)) * params.out_width;
}

// The input pixel under a tap of an output pixel, or −1 outside of the picture.
fn source_of(pixel: u32, tap: u32) -> i32 {
    let line = pixel / params.out_width;
    return line_start(line, tap) + column_of(pixel % params.out_width, tap);
}

// The first pixel of the input line under a tap of an output line; far below 0 outside of the picture.
fn line_start(line: u32, tap: u32) -> i32 {
    let y = i32(line % params.out_height * params.stride + tap / params.kernel) - i32(params.padding);
    if y < 0 || y >= i32(params.in_height << params.upsample) {
        return -0x40000000;
    }
    let sample = line / params.out_height;
    return (i32(sample * params.in_height) + (y >> params.upsample)) * i32(params.in_width);
}

// The column under a tap of an output column; far below 0 outside of the picture.
fn column_of(column: u32, tap: u32) -> i32 {
    let x = i32(column * params.stride + tap % params.kernel) - i32(params.padding);
    return select(x >> params.upsample, -0x20000000, x < 0 || x >= i32(params.in_width << params.upsample));
}

// Rows 4 · x_quad to 4 · x_quad + 3 of this source's part of a tap.
fn store_partial(
    split: u32,
    tap: u32,
    x_quad: u32,
    out_quad: u32,
    row0: vec4<f32>,
    row1: vec4<f32>,
    row2: vec4<f32>,
    row3: vec4<f32>,
) {
    let row = ((split * params.kernel * params.kernel + tap) * params.k_quads + params.k_offset + x_quad) * 4u;
    let ix = row * params.weight_quads + out_quad;
    partials[ix] = row0;
    partials[ix + params.weight_quads] = row1;
    partials[ix + 2u * params.weight_quads] = row2;
    partials[ix + 3u * params.weight_quads] = row3;
}
