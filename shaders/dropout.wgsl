// Dropout, in place: x = mask · x / (1 − rate). Its gradient is the same of the gradient, so both passes run it.
//
// An element is kept where Philox's uniform of (seed, stream 4, the layer's number, first_sample + n, element in [C, H, W])
// is at least `rate`.
//
// chain    seed and first sample
// channels [quads · 4]: for each float of a pixel its channel, or 2^32 − 1 for padding
// x        [samples, pixels, quads] vec4; read and written
// One invocation a pixel and quad.

struct Dropout {
    samples: u32,
    pixels: u32,
    quads: u32,
    // The operation's index in the recording: t of the counter.
    layer: u32,
    rate: f32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Dropout;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> channels: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>;

const STREAM: u32 = 4u;

@compute @workgroup_size(64)
fn dropout(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % params.quads;
    let pixel = (item / params.quads) % params.pixels;
    let sample = item / (params.quads * params.pixels);
    if sample >= params.samples {
        return;
    }
    let key = vec2<u32>(chain.seed_lo, chain.seed_hi);
    var factor = vec4<f32>(0.0);
    for (var lane = 0u; lane < 4u; lane++) {
        let channel = channels[quad * 4u + lane];
        if channel == 0xffffffffu {
            continue;
        }
        let element = channel * params.pixels + pixel;
        let counter = vec4<u32>(element / 4u, params.layer, chain.first_sample + sample, STREAM);
        let word = philox4x32_10(counter, key)[element % 4u];
        if (f32(word >> 9u) + 0.5) * (1.0 / 8388608.0) >= params.rate {
            factor[lane] = 1.0 / (1.0 - params.rate);
        }
    }
    x[item] *= factor;
}

//#import chain
//#import grid
//#import philox
