// Group normalisation: y = (x − mean) / √(variance + eps) · γ + β over each group of channels and all pixels of a sample,
// then y · (1 + scale) + shift, then SiLU, where asked for.
//
// a, b        [samples, pixels, a_quads | b_quads] vec4: the two sources of a concatenation (b_quads may be 0)
// affine      [2, channels]: γ, then β
// embedding   [samples, embedding_stride] vec4: scale from scale_quad on, shift from shift_quad on
// positions   [channels]: where each channel lies in a pixel's memory, in floats; padding belongs to no channel
// partials    [samples, chunks, quads, 2] vec4: mean and Σ(x − mean)² of each channel over a chunk of pixels
// fold        [samples, 4, quads] vec4: mean, factor, offset and 1 / √(variance + eps) of each channel; zero in the padding
// out         [samples, pixels, quads]; written (=)
// Three dispatches: `stats`, one invocation a sample, chunk and quad (Welford); `coefficients`, one workgroup a sample and
// group (Chan's merge, in a fixed order); `apply`, one invocation four pixels and a quad.

struct GroupNorm {
    samples: u32,
    pixels: u32,
    a_quads: u32,
    b_quads: u32,
    groups: u32,
    group_channels: u32,
    chunk: u32,
    chunks: u32,
    eps: f32,
    silu: u32,
    has_scale_shift: u32,
    scale_quad: u32,
    shift_quad: u32,
    embedding_stride: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: GroupNorm;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> affine: array<f32>;
@group(0) @binding(4) var<storage, read> embedding: array<f32>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> fold: array<f32>;
@group(0) @binding(8) var<storage, read_write> out: array<vec4<f32>>;

fn load(pixel: u32, quad: u32) -> vec4<f32> {
    if quad < params.a_quads {
        return a[pixel * params.a_quads + quad];
    }
    return b[pixel * params.b_quads + quad - params.a_quads];
}

@compute @workgroup_size(64)
fn stats(
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
    let first = chunk * params.chunk;
    let count = min(params.chunk, params.pixels - first);
    var mean = vec4<f32>(0.0);
    var m2 = vec4<f32>(0.0);
    for (var i = 0u; i < count; i++) {
        let value = load(sample * params.pixels + first + i, quad);
        let delta = value - mean;
        mean += delta * (1.0 / f32(i + 1u));
        m2 += delta * (value - mean);
    }
    partials[item * 2u] = mean;
    partials[item * 2u + 1u] = m2;
}

// Count, mean and Σ(x − mean)² of some values.
struct Moments {
    count: f32,
    mean: f32,
    m2: f32,
}

fn merge(left: Moments, right: Moments) -> Moments {
    let count = left.count + right.count;
    if count == 0.0 {
        return left;
    }
    let delta = right.mean - left.mean;
    let weight = right.count / count;
    return Moments(count, left.mean + delta * weight, left.m2 + right.m2 + delta * delta * left.count * weight);
}

var<workgroup> sh_moments: array<Moments, 64>;

@compute @workgroup_size(64)
fn coefficients(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let quads = params.a_quads + params.b_quads;
    let item = workgroup.y * workgroups.x + workgroup.x;
    let group = item % params.groups;
    let sample = item / params.groups;
    let in_range = sample < params.samples;
    var mine = Moments(0.0, 0.0, 0.0);
    if in_range {
        for (var i = local_ix; i < params.group_channels * params.chunks; i += 64u) {
            let chunk = i % params.chunks;
            let position = positions[group * params.group_channels + i / params.chunks];
            let partial = ((sample * params.chunks + chunk) * quads + position / 4u) * 2u;
            let count = min(params.chunk, params.pixels - chunk * params.chunk);
            let lane = position % 4u;
            mine = merge(mine, Moments(f32(count), partials[partial][lane], partials[partial + 1u][lane]));
        }
    }
    sh_moments[local_ix] = mine;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local_ix < half {
            sh_moments[local_ix] = merge(sh_moments[local_ix], sh_moments[local_ix + half]);
        }
        workgroupBarrier();
    }
    let total = sh_moments[0];
    if !in_range {
        return;
    }
    let channels = params.groups * params.group_channels;
    let rstd = 1.0 / sqrt(total.m2 / total.count + params.eps);
    for (var i = local_ix; i < params.group_channels; i += 64u) {
        let channel = group * params.group_channels + i;
        let position = positions[channel];
        var factor = affine[channel] * rstd;
        var offset = affine[channels + channel];
        if params.has_scale_shift != 0u {
            let row = sample * params.embedding_stride;
            let scale = 1.0 + embedding[(row + params.scale_quad) * 4u + channel];
            factor *= scale;
            offset = offset * scale + embedding[(row + params.shift_quad) * 4u + channel];
        }
        fold[(sample * 4u) * quads * 4u + position] = total.mean;
        fold[(sample * 4u + 1u) * quads * 4u + position] = factor;
        fold[(sample * 4u + 2u) * quads * 4u + position] = offset;
        fold[(sample * 4u + 3u) * quads * 4u + position] = rstd;
    }
}

fn fold_quad(sample: u32, row: u32, quad: u32) -> vec4<f32> {
    let quads = params.a_quads + params.b_quads;
    let ix = ((sample * 4u + row) * quads + quad) * 4u;
    return vec4<f32>(fold[ix], fold[ix + 1u], fold[ix + 2u], fold[ix + 3u]);
}

@compute @workgroup_size(64)
fn apply(
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
    let mean = fold_quad(sample, 0u, quad);
    let factor = fold_quad(sample, 1u, quad);
    let offset = fold_quad(sample, 2u, quad);
    let first = strip * 4u;
    for (var i = first; i < min(first + 4u, params.pixels); i++) {
        let pixel = sample * params.pixels + i;
        var value = (load(pixel, quad) - mean) * factor + offset;
        if params.silu != 0u {
            value = silu(value);
        }
        out[pixel * quads + quad] = value;
    }
}

//#import grid
//#import silu
