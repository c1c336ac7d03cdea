// A grid of pictures as a canvas's pixels, straight from the chain's buffer, each looked up (nearest).
//
// values  [samples, height · width, stride] f32, channels last: one channel is grey, three or more are red, green, blue.
// out     [canvas_height, row]: four bytes a pixel, red first or (bgra) blue first; written (=)
// shade = (value · gain + 1) / 2, clipped to [0, 1]. Cells past the last picture and the gaps are transparent.
// One invocation a pixel, 8 × 8 a workgroup.

struct Display {
    columns: u32,
    samples: u32,
    width: u32,
    height: u32,
    // Canvas pixels for each of a picture's.
    zoom: u32,
    // Canvas pixels between pictures.
    gap: u32,
    channels: u32,
    stride: u32,
    canvas_width: u32,
    canvas_height: u32,
    // Pixels from one row of out to the next.
    row: u32,
    bgra: u32,
    gain: f32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Display;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(8, 8)
fn display(@builtin(global_invocation_id) at: vec3<u32>) {
    if at.x >= params.canvas_width || at.y >= params.canvas_height {
        return;
    }
    let rgba = colour(at.xy);
    out[at.y * params.row + at.x] = pack4x8unorm(select(rgba, rgba.bgra, params.bgra == 1u));
}

fn colour(at: vec2<u32>) -> vec4<f32> {
    let cell = vec2<u32>(params.width, params.height) * params.zoom + params.gap;
    let cell_ix = at / cell;
    let pixel = (at % cell) / params.zoom;
    let sample = cell_ix.y * params.columns + cell_ix.x;
    if sample >= params.samples || cell_ix.x >= params.columns || pixel.x >= params.width || pixel.y >= params.height {
        return vec4<f32>(0.0);
    }
    let ix = ((sample * params.height + pixel.y) * params.width + pixel.x) * params.stride;
    if params.channels < 3u {
        return shade(vec3<f32>(values[ix]));
    }
    return shade(vec3<f32>(values[ix], values[ix + 1u], values[ix + 2u]));
}

fn shade(value: vec3<f32>) -> vec4<f32> {
    return vec4<f32>(clamp(value * params.gain * 0.5 + 0.5, vec3<f32>(0.0), vec3<f32>(1.0)), 1.0);
}
