// The forward process: a draw of q(x_t | x_0) (arXiv 2006.11239, eq. 4)
//
//     x_t = √ᾱ_t·x_start + √(1 − ᾱ_t)·noise
//
// with noise drawn here, Philox's of (seed, stream, t, first_sample + n·sample_step, element in [C, H, W]), and written too:
// it is what an ε-predicting network is trained to tell.
//
// x_start: [samples][H·W][stride] f32, channels last (padding not read).
// timesteps: [samples] u32, t of each sample.
// coefficients: [T] (√ᾱ_t, √(1 − ᾱ_t)).
// x_t, noise: like x_start; written with `=`, the padding channels with 0.
// One invocation: one Philox block, 4 consecutive elements of one sample's [C, H, W].
// Dispatch: (⌈⌈elements / 4⌉ / 64⌉, samples, 1).

//#import chain
//#import normal

struct QSample {
    // C·H·W.
    elements: u32,
    // H·W.
    plane: u32,
    // C.
    channels: u32,
    // Floats of a pixel.
    stride: u32,
    samples: u32,
    // The rng stream.
    stream: u32,
    // 1, or 0 where all samples draw the first one's noise.
    sample_step: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: QSample;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> x_start: array<f32>;
@group(0) @binding(3) var<storage, read> timesteps: array<u32>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> x_t: array<f32>;
@group(0) @binding(6) var<storage, read_write> noise: array<f32>;

@compute @workgroup_size(64)
fn q_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.y;
    let first = 4u * id.x;
    if first >= params.elements || n >= params.samples {
        return;
    }
    let t = timesteps[n];
    let coefficient = coefficients[t];
    let key = vec2<u32>(chain.seed_lo, chain.seed_hi);
    let drawn = normal_block(key, params.stream, t, chain.first_sample + n * params.sample_step, id.x);
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        let channel = (first + i) / params.plane;
        let base = (n * params.plane + (first + i) % params.plane) * params.stride;
        let place = base + channel;
        x_t[place] = coefficient.x * x_start[place] + coefficient.y * drawn[i];
        noise[place] = drawn[i];
        // Whoever writes a pixel's last channel writes its padding.
        if channel + 1u == params.channels {
            for (var c = params.channels; c < params.stride; c++) {
                x_t[base + c] = 0.0;
                noise[base + c] = 0.0;
            }
        }
    }
}
