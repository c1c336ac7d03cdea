// The sums of a convolution's weight gradient, for a uniform block `params` with Conv2dWeightGradient's fields: which
// pixels a split has, what a tap reads for one, and where a split's sums go.

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
