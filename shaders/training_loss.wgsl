// The loss of training and its gradient: spec::LossType's, by the numbers of diffusion::loss::LossCoefficients at each
// sample's t. With C channels of the output o and, of a learned variance, C more of v,
//
//     e = target_of_x_start·x_0 + target_of_noise·ε − o
//     loss = mse_weight·e² + bound_scale·vb
//     ln σ² = log_variance + log_variance_of_output·v,  ln β̃ = log_variance + log_variance_excess
//     vb = D_KL(N(0, β̃) ‖ N(−mean_of_output·e, σ²))  at t > 0;  −ln p(x_0), of mean x_0 − mean_of_output·e,  at t = 0
//
// (arXiv 2006.11239 eqs. 5 and 13, arXiv 2102.09672 eq. 16), nats, meant over all elements of the batch. Unless
// bound_reaches_mean, vb's gradient stops at the mean.
//
// output      [samples][pixels][output_stride] f32, channels last; d_output like it, written (=), zero in other channels
// x_start, noise  [samples][pixels][stride] f32
// timesteps   [samples] u32
// coefficients  [T]
// partials    [samples · chunks] vec2: Σ mse_weight·e² and Σ bound_scale·vb of each chunk of pixels; written (=)
// One invocation a sample and chunk.

//#import bound
//#import grid

struct TrainingLoss {
    samples: u32,
    pixels: u32,
    // C.
    channels: u32,
    output_stride: u32,
    stride: u32,
    // Pixels of a chunk, and chunks of a sample.
    chunk: u32,
    chunks: u32,
    // 1: the output's channels C to 2·C − 1 are v.
    learned_variance: u32,
    bound_reaches_mean: u32,
    // 0 where the loss has no bound; else also makes bits of nats.
    bound_scale: f32,
    // 1 / elements of the whole batch.
    scale: f32,
    pad: u32,
}

struct LossCoefficients {
    target_of_x_start: f32,
    target_of_noise: f32,
    mse_weight: f32,
    mean_of_output: f32,
    log_variance: f32,
    log_variance_excess: f32,
    log_variance_of_output: f32,
    pad: f32,
}

@group(0) @binding(0) var<uniform> params: TrainingLoss;
@group(0) @binding(1) var<storage, read> output: array<f32>;
@group(0) @binding(2) var<storage, read> x_start: array<f32>;
@group(0) @binding(3) var<storage, read> noise: array<f32>;
@group(0) @binding(4) var<storage, read> timesteps: array<u32>;
@group(0) @binding(5) var<storage, read> coefficients: array<LossCoefficients>;
@group(0) @binding(6) var<storage, read_write> d_output: array<f32>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec2<f32>>;

@compute @workgroup_size(64)
fn training_loss(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let sample = item / params.chunks;
    if sample >= params.samples {
        return;
    }
    let t = timesteps[sample];
    let at = coefficients[t];
    let first = (item % params.chunks) * params.chunk;
    let written = params.channels * (1u + params.learned_variance);
    var sums = vec2<f32>(0.0);
    for (var i = first; i < min(first + params.chunk, params.pixels); i++) {
        let pixel = sample * params.pixels + i;
        for (var channel = 0u; channel < params.channels; channel++) {
            let place = pixel * params.stride + channel;
            let output_place = pixel * params.output_stride + channel;
            let wanted = at.target_of_x_start * x_start[place] + at.target_of_noise * noise[place];
            let error = wanted - output[output_place];
            sums.x += at.mse_weight * error * error;
            var d_mean = -2.0 * at.mse_weight * error;
            if params.bound_scale != 0.0 {
                var learned = 0.0;
                if params.learned_variance == 1u {
                    learned = at.log_variance_of_output * output[output_place + params.channels];
                }
                let term = bound_term(at, t, x_start[place], at.mean_of_output * error, learned);
                sums.y += params.bound_scale * term.nats;
                if params.bound_reaches_mean == 1u {
                    d_mean += params.bound_scale * at.mean_of_output * term.d_mean;
                }
                if params.learned_variance == 1u {
                    let d_variance = params.bound_scale * at.log_variance_of_output * term.d_log_variance;
                    d_output[output_place + params.channels] = params.scale * d_variance;
                }
            }
            d_output[output_place] = params.scale * d_mean;
        }
        for (var channel = written; channel < params.output_stride; channel++) {
            d_output[pixel * params.output_stride + channel] = 0.0;
        }
    }
    partials[item] = sums;
}

// A term of the bound for one element, and its gradient in the network's mean and ln σ².
struct BoundTerm {
    nats: f32,
    d_mean: f32,
    d_log_variance: f32,
}

// mean_error is what the network's mean should be, less what it is; learned is what it adds to log_variance.
fn bound_term(at: LossCoefficients, t: u32, x_0: f32, mean_error: f32, learned: f32) -> BoundTerm {
    let log_variance = at.log_variance + learned;
    if t == 0u {
        return decoder_term(x_0, mean_error, log_variance);
    }
    // normal_kl, whose two log-variances need not be subtracted here.
    let ratio = at.log_variance_excess - learned;
    let inverse_variance = exp(-log_variance);
    let squared = mean_error * mean_error * inverse_variance;
    let nats = 0.5 * (exp_excess(ratio) + squared);
    let d_log_variance = -0.5 * (exp_minus_one(ratio) + squared);
    return BoundTerm(nats, -mean_error * inverse_variance, d_log_variance);
}

// −ln p(x_0): see discretized_gaussian_log_likelihood, whose three logarithms are differentiated here one by one.
fn decoder_term(x_0: f32, mean_error: f32, log_variance: f32) -> BoundTerm {
    let log_scale = 0.5 * log_variance;
    let log_probability = discretized_gaussian_log_likelihood(x_0, x_0 - mean_error, log_scale);
    if log_probability <= LEAST_LOG_PROBABILITY {
        return BoundTerm(-log_probability, 0.0, 0.0);
    }
    let level = level_of(mean_error, log_scale);
    // ∂ln p / ∂z of an edge at z is ∂ln p / ∂logit times the logit's slope.
    var d_upper = sigmoid(-cdf_logit(level.upper)) * logit_slope(level.upper);
    var d_lower = -sigmoid(cdf_logit(level.lower)) * logit_slope(level.lower);
    // The same of the third, ln(1 − e^{−w}), w the logits' distance: through both edges at once (d_shift), and through
    // both in proportion to where they are (d_stretch), divided by the edges' distance until nothing can cancel.
    var d_shift = 0.0;
    var d_stretch = 0.0;
    if x_0 < -0.999 {
        d_lower = 0.0;
    } else if x_0 > 0.999 {
        d_upper = 0.0;
    } else {
        let share = level.width / exp_minus_one(logit_width(level));
        let squares = level.upper * level.upper + level.upper * level.lower + level.lower * level.lower;
        d_shift = share * CDF_SLOPE * 3.0 * CDF_CUBE * (level.upper + level.lower);
        d_stretch = share * CDF_SLOPE * (1.0 + 3.0 * CDF_CUBE * squares);
    }
    // An edge is at (x_0 − mean ± half a level)·e^{−log_scale}.
    let d_centred = (d_upper + d_lower + d_shift) * inverse_scale(log_scale);
    let d_log_scale = -(d_upper * level.upper + d_lower * level.lower + d_stretch);
    return BoundTerm(-log_probability, d_centred, -0.5 * d_log_scale);
}

// The derivative of cdf_logit.
fn logit_slope(z: f32) -> f32 {
    return CDF_SLOPE * (1.0 + 3.0 * CDF_CUBE * z * z);
}

// 1 / (1 + e^{−x}).
fn sigmoid(x: f32) -> f32 {
    return exp(min(x, 0.0)) / (1.0 + exp(-abs(x)));
}

// e^x − 1 without cancellation near 0; at most e^80.
fn exp_minus_one(x: f32) -> f32 {
    if abs(x) > 0.5 {
        return exp(min(x, 80.0)) - 1.0;
    }
    let tail = 1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0)));
    return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * tail)));
}
