// What a network's output says of one element, for the kernels of a step: p_sample.wgsl and guided_step.wgsl. They bind
// `params` (a PSample), `model_output` and the rest.

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
    // 1, or 0 where all samples draw the first one's noise.
    sample_step: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

const VARIANCE_FIXED_SMALL: u32 = 0;
const VARIANCE_FIXED_LARGE: u32 = 1;
const VARIANCE_LEARNED: u32 = 2;
const VARIANCE_LEARNED_RANGE: u32 = 3;

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

// ln σ² of one element; the learned variances follow the C channels of the prediction.
fn log_variance(step: StepCoefficients, variance_type: u32, output_place: u32) -> f32 {
    if variance_type < VARIANCE_LEARNED {
        return step.max_log_variance;
    }
    let learned = model_output[output_place + params.channels];
    if variance_type == VARIANCE_LEARNED {
        return learned;
    }
    let part = 0.5 * (learned + 1.0);
    return part * step.max_log_variance + (1.0 - part) * step.min_log_variance;
}

// The factor of z for one element.
fn standard_deviation(step: StepCoefficients, variance_type: u32, output_place: u32) -> f32 {
    if variance_type < VARIANCE_LEARNED || step.sigma == 0.0 {
        return step.sigma;
    }
    return step.sigma * exp(0.5 * log_variance(step, variance_type, output_place));
}
