// The gradient of group normalisation's input. With z = (x − mean) · factor + offset, y = silu(z) or z, and d_z the gradient of z:
//
//     d_x = factor · d_z − k0 − (x − mean) · k1
//     k0 = Σ factor · d_z / count,  k1 = rstd² · Σ factor · d_z · (x − mean) / count,  sums over a group of a sample
//
// a, b       [samples, pixels, a_quads | b_quads] vec4: the sources (b_quads may be 0)
// fold       [samples, 4, quads]: mean, factor, offset, rstd of each channel, from group_norm.wgsl
// d_out      [samples, pixels, quads]
// partials   [samples, chunks, quads, 2]: Σ d_z and Σ d_z · (x − mean) of each channel over a chunk of pixels; written (=)
// totals     [samples, 4, quads]: the sums over all chunks, k0, k1, from group_norm_parameters.wgsl
// d_a, d_b   like a and b; written (=), or accumulated into (+=) if add_a, add_b
// Two dispatches with those of group_norm_parameters.wgsl between them: `sums`, one invocation a sample, chunk and quad;
// `input`, one invocation four pixels and a quad.

struct GroupNormGradient {
    samples: u32,
    pixels: u32,
    a_quads: u32,
    b_quads: u32,
    chunk: u32,
    chunks: u32,
    silu: u32,
    add_a: u32,
    add_b: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: GroupNormGradient;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> fold: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> totals: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> d_a: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> d_b: array<vec4<f32>>;

fn load(pixel: u32, quad: u32) -> vec4<f32> {
    if quad < params.a_quads {
        return a[pixel * params.a_quads + quad];
    }
    return b[pixel * params.b_quads + quad - params.a_quads];
}

// The gradient of z.
fn d_normed(d_y: vec4<f32>, z: vec4<f32>) -> vec4<f32> {
    if params.silu != 0u {
        return d_y * silu_derivative(z);
    }
    return d_y;
}

@compute @workgroup_size(64)
fn sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let quads = params.a_quads + params.b_quads;
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % quads;
    let chunk = (item / quads) % params.chunks;
    let sample = item / (quads * params.chunks);
    if sample >= params.samples {
        return;
    }
    let mean = fold[sample * 4u * quads + quad];
    let factor = fold[(sample * 4u + 1u) * quads + quad];
    let offset = fold[(sample * 4u + 2u) * quads + quad];
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    for (var i = chunk * params.chunk; i < min((chunk + 1u) * params.chunk, params.pixels); i++) {
        let pixel = sample * params.pixels + i;
        let centred = load(pixel, quad) - mean;
        let d_z = d_normed(d_out[pixel * quads + quad], centred * factor + offset);
        sum += d_z;
        product += d_z * centred;
    }
    partials[item * 2u] = sum;
    partials[item * 2u + 1u] = product;
}

@compute @workgroup_size(64)
fn input(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let quads = params.a_quads + params.b_quads;
    let strips = (params.pixels + 3u) / 4u;
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % quads;
    let strip = (item / quads) % strips;
    let sample = item / (quads * strips);
    if sample >= params.samples {
        return;
    }
    let mean = fold[sample * 4u * quads + quad];
    let factor = fold[(sample * 4u + 1u) * quads + quad];
    let offset = fold[(sample * 4u + 2u) * quads + quad];
    let k0 = totals[(sample * 4u + 2u) * quads + quad];
    let k1 = totals[(sample * 4u + 3u) * quads + quad];
    let first = strip * 4u;
    for (var i = first; i < min(first + 4u, params.pixels); i++) {
        let pixel = sample * params.pixels + i;
        let centred = load(pixel, quad) - mean;
        let d_z = d_normed(d_out[pixel * quads + quad], centred * factor + offset);
        store(pixel, quad, factor * d_z - k0 - centred * k1);
    }
}

fn store(pixel: u32, quad: u32, d_x: vec4<f32>) {
    if quad < params.a_quads {
        let ix = pixel * params.a_quads + quad;
        if params.add_a != 0u {
            d_a[ix] += d_x;
        } else {
            d_a[ix] = d_x;
        }
    } else {
        let ix = pixel * params.b_quads + quad - params.a_quads;
        if params.add_b != 0u {
            d_b[ix] += d_x;
        } else {
            d_b[ix] = d_x;
        }
    }
}

//#import grid
//#import silu
