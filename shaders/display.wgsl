// A grid of pictures drawn straight from the chain's buffer: a triangle over the canvas, each pixel looked up (nearest).
//
// values  [samples, height · width, stride] f32, channels last: one channel is grey, three or more are red, green, blue.
// shade = (value · gain + 1) / 2, clipped to [0, 1]. Cells past the last picture and the gaps take the background.

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
    // Floats before the first picture.
    offset: u32,
    gain: f32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Display;
@group(0) @binding(1) var<storage, read> values: array<f32>;

@vertex
fn triangle(@builtin(vertex_index) ix: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((ix << 1u) & 2u), f32(ix & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn grid(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = vec2<u32>(position.xy);
    let cell = vec2<u32>(params.width, params.height) * params.zoom + params.gap;
    let cell_ix = at / cell;
    let pixel = (at % cell) / params.zoom;
    let sample = cell_ix.y * params.columns + cell_ix.x;
    if sample >= params.samples || cell_ix.x >= params.columns || pixel.x >= params.width || pixel.y >= params.height {
        return vec4<f32>(0.0);
    }
    let ix = params.offset + ((sample * params.height + pixel.y) * params.width + pixel.x) * params.stride;
    if params.channels < 3u {
        return shade(vec3<f32>(values[ix]));
    }
    return shade(vec3<f32>(values[ix], values[ix + 1u], values[ix + 2u]));
}

fn shade(value: vec3<f32>) -> vec4<f32> {
    return vec4<f32>(clamp(value * params.gain * 0.5 + 0.5, vec3<f32>(0.0), vec3<f32>(1.0)), 1.0);
}
