// The simple loss (arXiv 2006.11239, eq. 14) and its gradient: the mean squared error of the network's first `channels` outputs,
//
//     loss = Σ (output − wanted)² · scale,  d_output = 2 · (output − wanted) · scale,  scale = 1 / elements of the whole batch
//
// output    [samples, pixels, output_quads] vec4; d_output like it, written (=), zero in channels with nothing wanted
// wanted    [samples, pixels, target_quads]
// partials  [samples · chunks] f32: Σ (output − wanted)² of each chunk of pixels; written (=)
// losses    [slots] f32: slot chain.step mod slots is accumulated into (+=)
// Two dispatches: `mse`, one invocation a sample and chunk; `mse_loss`, one workgroup.

struct Mse {
    samples: u32,
    pixels: u32,
    channels: u32,
    output_quads: u32,
    target_quads: u32,
    // Pixels of a chunk, and chunks of a sample.
    chunk: u32,
    chunks: u32,
    slots: u32,
    scale: f32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Mse;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> wanted: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> d_output: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(64)
fn mse(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let first = (item % params.chunks) * params.chunk;
    let sample = item / params.chunks;
    if sample >= params.samples {
        return;
    }
    var sum = 0.0;
    for (var i = first; i < min(first + params.chunk, params.pixels); i++) {
        let pixel = sample * params.pixels + i;
        for (var quad = 0u; quad < params.output_quads; quad++) {
            var difference = vec4<f32>(0.0);
            if quad < params.target_quads {
                let in_range = vec4<u32>(0u, 1u, 2u, 3u) + quad * 4u < vec4<u32>(params.channels);
                let ix = pixel * params.output_quads + quad;
                difference = select(difference, output[ix] - wanted[pixel * params.target_quads + quad], in_range);
            }
            d_output[pixel * params.output_quads + quad] = difference * (2.0 * params.scale);
            sum += dot(difference, difference);
        }
    }
    partials[item] = sum;
}

var<workgroup> sh_sums: array<f32, 64>;

@compute @workgroup_size(64)
fn mse_loss(@builtin(local_invocation_index) local_ix: u32) {
    var sum = 0.0;
    for (var i = local_ix; i < params.samples * params.chunks; i += 64u) {
        sum += partials[i];
    }
    sh_sums[local_ix] = sum;
    workgroupBarrier();
    if local_ix == 0u {
        var total = 0.0;
        for (var i = 0u; i < 64u; i++) {
            total += sh_sums[i];
        }
        losses[chain.step % params.slots] += total * params.scale;
    }
}

//#import chain
//#import grid
