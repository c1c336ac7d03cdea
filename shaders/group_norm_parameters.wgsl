// What follows from group_norm_gradient.wgsl's sums: the gradients of γ and β, of scale and shift, and the two numbers of each
// group that its input's gradient needs. With S = Σ d_z and P = Σ d_z · (x − mean) over the pixels of a sample:
//
//     d_γ = Σ_n P · rstd · (1 + scale),  d_β = Σ_n S · (1 + scale),  d_scale = P · rstd · γ + S · β,  d_shift = S
//     k0 = Σ_c factor · S / count,  k1 = rstd² · Σ_c factor · P / count,  sums over a group's channels
//
// partials    [samples, chunks, quads, 2] vec4: S and P of each chunk
// fold        [samples, 4, quads · 4]: mean, factor, offset, rstd of each channel, from group_norm.wgsl
// affine      [2, channels]: γ, then β; d_affine like it, accumulated into (+=)
// embedding   [samples, embedding_stride] vec4: scale from scale_quad on, shift from shift_quad on; d_embedding like it, written (=)
// positions   [channels]: where each channel lies in a pixel's memory, in floats
// totals      [samples, 4, quads · 4]: S, P, k0, k1 of each channel; written (=), zero in the padding
// Four dispatches: `totals_of_chunks`, one invocation a sample and quad; `groups_of_totals`, one a sample and group;
// `affine_gradient`, one a channel; `conditioning_gradient`, one a sample and four channels.

struct GroupNormParameters {
    samples: u32,
    pixels: u32,
    quads: u32,
    groups: u32,
    group_channels: u32,
    chunks: u32,
    has_scale_shift: u32,
    scale_quad: u32,
    shift_quad: u32,
    embedding_stride: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: GroupNormParameters;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> fold: array<f32>;
@group(0) @binding(3) var<storage, read> affine: array<f32>;
@group(0) @binding(4) var<storage, read> embedding: array<f32>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> totals: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_affine: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_embedding: array<f32>;

// Where a row of fold or totals has a channel's number.
fn at(sample: u32, row: u32, position: u32) -> u32 {
    return (sample * 4u + row) * params.quads * 4u + position;
}

// 1 + scale, or 1.
fn scale_of(sample: u32, channel: u32) -> f32 {
    if params.has_scale_shift == 0u {
        return 1.0;
    }
    return 1.0 + embedding[(sample * params.embedding_stride + params.scale_quad) * 4u + channel];
}

@compute @workgroup_size(64)
fn totals_of_chunks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % params.quads;
    let sample = item / params.quads;
    if sample >= params.samples {
        return;
    }
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    for (var chunk = 0u; chunk < params.chunks; chunk++) {
        let ix = ((sample * params.chunks + chunk) * params.quads + quad) * 2u;
        sum += partials[ix];
        product += partials[ix + 1u];
    }
    for (var lane = 0u; lane < 4u; lane++) {
        let position = quad * 4u + lane;
        totals[at(sample, 0u, position)] = sum[lane];
        totals[at(sample, 1u, position)] = product[lane];
        totals[at(sample, 2u, position)] = 0.0;
        totals[at(sample, 3u, position)] = 0.0;
    }
}

@compute @workgroup_size(64)
fn groups_of_totals(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let first = (item % params.groups) * params.group_channels;
    let sample = item / params.groups;
    if sample >= params.samples {
        return;
    }
    var sum = 0.0;
    var product = 0.0;
    for (var i = 0u; i < params.group_channels; i++) {
        let position = positions[first + i];
        let factor = fold[at(sample, 1u, position)];
        sum += factor * totals[at(sample, 0u, position)];
        product += factor * totals[at(sample, 1u, position)];
    }
    let count = f32(params.group_channels * params.pixels);
    let rstd = fold[at(sample, 3u, positions[first])];
    for (var i = 0u; i < params.group_channels; i++) {
        let position = positions[first + i];
        totals[at(sample, 2u, position)] = sum / count;
        totals[at(sample, 3u, position)] = product / count * rstd * rstd;
    }
}

@compute @workgroup_size(64)
fn affine_gradient(@builtin(global_invocation_id) id: vec3<u32>) {
    let channels = params.groups * params.group_channels;
    if id.x >= channels {
        return;
    }
    let position = positions[id.x];
    var d_gamma = 0.0;
    var d_beta = 0.0;
    for (var sample = 0u; sample < params.samples; sample++) {
        let scale = scale_of(sample, id.x);
        d_gamma += totals[at(sample, 1u, position)] * fold[at(sample, 3u, position)] * scale;
        d_beta += totals[at(sample, 0u, position)] * scale;
    }
    d_affine[id.x] += d_gamma;
    d_affine[channels + id.x] += d_beta;
}

@compute @workgroup_size(64)
fn conditioning_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let channels = params.groups * params.group_channels;
    let item = grid_index(workgroup, workgroups, local_ix);
    let quads = (channels + 3u) / 4u;
    let quad = item % quads;
    let sample = item / quads;
    if sample >= params.samples {
        return;
    }
    let row = sample * params.embedding_stride;
    for (var channel = quad * 4u; channel < quad * 4u + 4u; channel++) {
        var d_scale = 0.0;
        var d_shift = 0.0;
        if channel < channels {
            let position = positions[channel];
            let sum = totals[at(sample, 0u, position)];
            let normed = totals[at(sample, 1u, position)] * fold[at(sample, 3u, position)];
            d_scale = normed * affine[channel] + sum * affine[channels + channel];
            d_shift = sum;
        }
        d_embedding[(row + params.scale_quad) * 4u + channel] = d_scale;
        d_embedding[(row + params.shift_quad) * 4u + channel] = d_shift;
    }
}

//#import grid
