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
// network's √variance. z is Philox's of (seed, 1, the step's t, first_sample + n, element in [C, H, W]), and is
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

struct PSample {
    // C·H·W.
    elements: u32,
    // H·W.
    plane: u32,
    // C.
    channels: u32,
    // Floats of a pixel of x, pred_x_start and pred_noise.
    stride: u32,
    // Floats of a pixel of model_output.
    output_stride: u32,
    samples: u32,
    // VARIANCE_*.
    variance_type: u32,
    // 1: clip x̂_0 to [−1, 1].
    clip: u32,
    // 1: keep the network's own ε̂ where x̂_0 is clipped.
    pred_noise_from_network: u32,
    // Rows of x a sample: 1, or 2 in a guided chain.
    copies: u32,
    // 0: none; 1: combine the rows of label and null class.
    guidance_mode: u32,
    // w of the combination.
    guidance: f32,
}

@group(0) @binding(0) var<uniform> params: PSample;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(3) var<storage, read> model_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> pred_x_start: array<f32>;
@group(0) @binding(6) var<storage, read_write> pred_noise: array<f32>;

const VARIANCE_FIXED_SMALL: u32 = 0;
const VARIANCE_FIXED_LARGE: u32 = 1;
const VARIANCE_LEARNED: u32 = 2;
const VARIANCE_LEARNED_RANGE: u32 = 3;

// rng::Stream::ReverseNoise.
const REVERSE_NOISE: u32 = 1;

@compute @workgroup_size(64)
fn p_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    reverse_step(id.y, id.x, params.variance_type);
}

// A DDIM step's σ is the step's own, whatever variance the network has learned.
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
        z = normal_block(key, REVERSE_NOISE, step.t, chain.first_sample + n, block_ix);
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

// The network's word on one element, guided where the chain is.
fn guided_output(output_place: u32) -> f32 {
    let label = model_output[output_place];
    if params.guidance_mode == 0u {
        return label;
    }
    let null_class = model_output[params.samples * params.plane * params.output_stride + output_place];
    return (1.0 - params.guidance) * null_class + params.guidance * label;
}

// x̂_0 and ε̂ of one element.
struct Prediction {
    x_start: f32,
    noise: f32,
}

fn predict(step: StepCoefficients, x_t: f32, output: f32) -> Prediction {
    var x_start = step.x_start_of_x_t * x_t + step.x_start_of_output * output;
    var noise = step.noise_of_x_t * x_t + step.noise_of_output * output;
    if params.clip == 1u && abs(x_start) > 1.0 {
        x_start = clamp(x_start, -1.0, 1.0);
        if params.pred_noise_from_network == 0u {
            noise = (x_t - step.sqrt_alphas_cumprod * x_start) / step.sqrt_one_minus_alphas_cumprod;
        }
    }
    return Prediction(x_start, noise);
}

// The factor of z for one element; the learned variances follow the C channels of the prediction.
fn standard_deviation(step: StepCoefficients, variance_type: u32, output_place: u32) -> f32 {
    if variance_type < VARIANCE_LEARNED || step.sigma == 0.0 {
        return step.sigma;
    }
    var log_variance = model_output[output_place + params.channels];
    if variance_type == VARIANCE_LEARNED_RANGE {
        let part = 0.5 * (log_variance + 1.0);
        log_variance = part * step.max_log_variance + (1.0 - part) * step.min_log_variance;
    }
    return step.sigma * exp(0.5 * log_variance);
}
