// Sums over the pixels of a picture, chunk by chunk: what the gradients of a bias and of an added embedding are made of.
//
//     partials[sample, chunk, quad] = Σ x[sample, p, quad] over the chunk's pixels p
//
// x        [samples, pixels, quads] vec4
// partials [samples, chunks, quads]; written (=); sum_partials.wgsl adds them up
// One invocation a sample, chunk and quad.

struct ChannelSums {
    samples: u32,
    pixels: u32,
    quads: u32,
    // Pixels of a chunk.
    chunk: u32,
}

@group(0) @binding(0) var<uniform> params: ChannelSums;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn channel_sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let chunks = (params.pixels + params.chunk - 1u) / params.chunk;
    let quad = item % params.quads;
    let chunk = (item / params.quads) % chunks;
    let sample = item / (params.quads * chunks);
    if sample >= params.samples {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var p = chunk * params.chunk; p < min((chunk + 1u) * params.chunk, params.pixels); p++) {
        sum += x[(sample * params.pixels + p) * params.quads + quad];
    }
    partials[item] = sum;
}

//#import grid
