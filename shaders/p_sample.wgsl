// One reverse step, x_prev from x_t and the network's output: the ancestral step of arXiv 2006.11239
// (Algorithm 2, line 4; entry `p_sample`) and the DDIM step of arXiv 2010.02502 (eq. 12; entry `ddim_step`).
//
//     x_prev = x_start_coef·x̂_0 + x_t_coef·x_t + output_coef·o + pred_noise_coef·ε̂ + σ·z
//
// with the coefficients of steps[chain.step]. x̂_0 follows from the network's output o, whatever it predicts,
//
//     x̂_0 = x_start_of_x_t·x_t + x_start_of_output·o,   ε̂ = noise_of_x_t·x_t + noise_of_output·o
//
// clipped to [−1, 1] where `clip` says so. ε̂ is the network's own where nothing was clipped, and always with
// pred_noise_from_network; else it is the one that fits the clipped x̂_0, (x_t − √ᾱ_t·x̂_0) / √(1 − ᾱ_t).
// σ is the step's; in a DDPM step with a learned variance it is a factor (1, or 0 in the last step) on the
// network's √variance. z is Philox's of (seed, 1, the step's noise_t, first_sample + n·sample_step, element in [C, H, W]), and is
// not drawn where σ is 0.
// Guided (arXiv 2207.12598, eq. 6): o = (1 − guidance)·o_null + guidance·o_label; the variance is the label's.
//
// model_output: [samples or, guided, 2·samples][H·W][output_stride] f32, channels last: C channels of o, then of
//    a learned variance C more. Guided: rows n are the label's, rows n + samples the null class's.
// x: [copies·samples][H·W][stride] f32: x_t in (its first copy is read), x_prev out, to every copy.
// pred_x_start, pred_noise: [samples][H·W][stride] f32. All written with `=`; padding channels are left alone.
// One invocation: one Philox block, 4 consecutive elements of one sample's [C, H, W].
// Dispatch: (⌈⌈elements / 4⌉ / 64⌉, samples, 1).

//#import chain
//#import normal
//#import prediction

@group(0) @binding(0) var<uniform> params: PSample;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(3) var<storage, read> model_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> pred_x_start: array<f32>;
@group(0) @binding(6) var<storage, read_write> pred_noise: array<f32>;

// rng::Stream::ReverseNoise.
const REVERSE_NOISE: u32 = 1;

@compute @workgroup_size(64)
fn p_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    reverse_step(id.y, id.x, params.variance_type);
}

// A step of DDIM, either way, or of Langevin dynamics has its own σ, whatever variance the network has learned.
@compute @workgroup_size(64)
fn ddim_step(@builtin(global_invocation_id) id: vec3<u32>) {
    reverse_step(id.y, id.x, VARIANCE_FIXED_SMALL);
}

// The step of elements 4·block_ix to 4·block_ix + 3 of sample n.
fn reverse_step(n: u32, block_ix: u32, variance_type: u32) {
    let first = 4u * block_ix;
    if first >= params.elements || n >= params.samples {
        return;
    }
    let step = steps[chain.step];
    var z = vec4<f32>(0.0);
    if step.sigma > 0.0 {
        let key = vec2<u32>(chain.seed_lo, chain.seed_hi);
        z = normal_block(key, REVERSE_NOISE, step.noise_t, chain.first_sample + n * params.sample_step, block_ix);
    }
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        let channel = (first + i) / params.plane;
        let pixel = n * params.plane + (first + i) % params.plane;
        let place = pixel * params.stride + channel;
        let output_place = pixel * params.output_stride + channel;

        let x_t = x[place];
        let output = guided_output(output_place);
        let prediction = predict(step, x_t, output);
        let sigma = standard_deviation(step, variance_type, output_place);
        let mean = step.x_start_coef * prediction.x_start + step.x_t_coef * x_t + step.output_coef * output;
        let x_prev = mean + step.pred_noise_coef * prediction.noise + sigma * z[i];

        for (var copy = 0u; copy < params.copies; copy++) {
            x[copy * params.samples * params.plane * params.stride + place] = x_prev;
        }
        pred_x_start[place] = prediction.x_start;
        pred_noise[place] = prediction.noise;
    }
}
