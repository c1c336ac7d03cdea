// x = standard normals: x_T of every sample of a chain, x_T ~ N(0, I) (arXiv 2006.11239, Algorithm 2, line 1).
//
// The noise of element e of a sample's own [C, H, W] is Philox's of (seed, stream, t, first_sample + n·sample_step, e),
// whatever the batch and the layout.
//
// x: [copies·samples][H·W][stride] f32, channels last; written with `=`, the padding channels with 0. A guided
//    chain's batch holds every sample twice (copies = 2), rows n and n + samples; both get the same noise.
// One invocation: one Philox block, 4 consecutive elements of one sample's [C, H, W].
// Dispatch: (⌈⌈elements / 4⌉ / 64⌉, samples, 1).

//#import chain
//#import normal

struct Normals {
    // C·H·W.
    elements: u32,
    // H·W.
    plane: u32,
    // C.
    channels: u32,
    // Floats of a pixel of x.
    stride: u32,
    samples: u32,
    // The rng stream, and t of the counter.
    stream: u32,
    t: u32,
    // 1, or 2 in a guided chain.
    copies: u32,
    // 1, or 0 where all samples draw the first one's noise.
    sample_step: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Normals;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn normals(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.y;
    let first = 4u * id.x;
    if first >= params.elements || n >= params.samples {
        return;
    }
    let key = vec2<u32>(chain.seed_lo, chain.seed_hi);
    let noise = normal_block(key, params.stream, params.t, chain.first_sample + n * params.sample_step, id.x);
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        let channel = (first + i) / params.plane;
        let pixel = (first + i) % params.plane;
        for (var copy = 0u; copy < params.copies; copy++) {
            let base = ((copy * params.samples + n) * params.plane + pixel) * params.stride;
            x[base + channel] = noise[i];
            // Whoever writes a pixel's last channel writes its padding.
            if channel + 1u == params.channels {
                for (var c = params.channels; c < params.stride; c++) {
                    x[base + c] = 0.0;
                }
            }
        }
    }
}
