// What is known of the picture, brought into x at the chain's present level (RePaint, arXiv 2201.09865, eq. 8a):
//
//     x = √ᾱ_t·known + √(1 − ᾱ_t)·noise  where mask < ½, as it was elsewhere;  t = steps[chain.step].t
//
// and past the chain's end x = known there. The noise is Philox's of (seed, 2, t, first_sample + n·sample_step, element in
// [C, H, W]): a mask of zeros makes x a draw of q(x_t | known) (arXiv 2006.11239, eq. 4).
//
// known: [samples][H·W][stride] f32, channels last. mask: [H·W] f32, the same for all samples and channels.
// x: [copies·samples][H·W][stride] f32; written with `=`, to every copy; padding channels are left alone.
// One invocation: one Philox block, 4 consecutive elements of one sample's [C, H, W].
// Dispatch: (⌈⌈elements / 4⌉ / 64⌉, samples, 1).

//#import chain
//#import normal

struct Inpaint {
    // C·H·W.
    elements: u32,
    // H·W.
    plane: u32,
    // Floats of a pixel of x and of known.
    stride: u32,
    samples: u32,
    // 1, or 2 in a guided chain.
    copies: u32,
    sampling_steps: u32,
    // 1, or 0 where all samples draw the first one's noise.
    sample_step: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Inpaint;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(3) var<storage, read> known: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;

// rng::Stream::ForwardNoise.
const FORWARD_NOISE: u32 = 2;

@compute @workgroup_size(64)
fn inpaint(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.y;
    let first = 4u * id.x;
    if first >= params.elements || n >= params.samples {
        return;
    }
    var signal = 1.0;
    var noise_scale = 0.0;
    var noise = vec4<f32>(0.0);
    if chain.step < params.sampling_steps {
        let step = steps[chain.step];
        signal = step.sqrt_alphas_cumprod;
        noise_scale = step.sqrt_one_minus_alphas_cumprod;
        let key = vec2<u32>(chain.seed_lo, chain.seed_hi);
        noise = normal_block(key, FORWARD_NOISE, step.t, chain.first_sample + n * params.sample_step, id.x);
    }
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        let channel = (first + i) / params.plane;
        let pixel = (first + i) % params.plane;
        if mask[pixel] < 0.5 {
            let place = (n * params.plane + pixel) * params.stride + channel;
            let value = signal * known[place] + noise_scale * noise[i];
            for (var copy = 0u; copy < params.copies; copy++) {
                x[copy * params.samples * params.plane * params.stride + place] = value;
            }
        }
    }
}
