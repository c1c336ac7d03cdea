// One term of the variational bound a picture (arXiv 2006.11239, eq. 5), of pictures at t of their own:
//
//     t > 0:  L_{t−1} = D_KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t))
//     t = 0:  L_0 = −ln p(x_0 | x_1), the discretised decoder (eq. 13)
//
// in bits per dimension, and the mean squared errors of x̂_0 and of the ε̂ that fits it.
//
// steps: [T], the full chain's in the order they are taken, so that of t is T − 1 − t.
// timesteps: [samples] u32. x_start, x_t, noise: [samples][H·W][stride] f32; noise is that in x_t.
// model_output: [samples][H·W][output_stride] f32, C channels that predict; a learned variance is C more.
// terms: [slots][samples] (bits per dimension, error of x̂_0, error of ε̂, 0); slot chain.step is written (=).
// One workgroup a sample.

//#import bound
//#import chain
//#import variance

struct Bound {
    // H·W.
    plane: u32,
    // C.
    channels: u32,
    // Floats of a pixel of x_start, x_t and noise.
    stride: u32,
    // Floats of a pixel of model_output.
    output_stride: u32,
    samples: u32,
    // T.
    num_timesteps: u32,
    // VARIANCE_*.
    variance_type: u32,
    // 1: clip x̂_0 to [−1, 1].
    clip: u32,
}

@group(0) @binding(0) var<uniform> params: Bound;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(3) var<storage, read> timesteps: array<u32>;
@group(0) @binding(4) var<storage, read> x_start: array<f32>;
@group(0) @binding(5) var<storage, read> x_t: array<f32>;
@group(0) @binding(6) var<storage, read> noise: array<f32>;
@group(0) @binding(7) var<storage, read> model_output: array<f32>;
@group(0) @binding(8) var<storage, read_write> terms: array<vec4<f32>>;

var<workgroup> sh_sums: array<vec3<f32>, 64>;

@compute @workgroup_size(64)
fn bound(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let n = workgroup.x;
    let t = timesteps[n];
    let step = steps[params.num_timesteps - 1u - t];
    let elements = params.plane * params.channels;
    var sum = vec3<f32>(0.0);
    for (var i = local_ix; i < elements; i += 64u) {
        let pixel = n * params.plane + i / params.channels;
        let channel = i % params.channels;
        sum += of_element(step, t == 0u, pixel * params.stride + channel, pixel * params.output_stride + channel);
    }
    sh_sums[local_ix] = sum;
    for (var half = 32u; half > 0u; half >>= 1u) {
        workgroupBarrier();
        if local_ix < half {
            sh_sums[local_ix] += sh_sums[local_ix + half];
        }
    }
    if local_ix == 0u {
        let mean = sh_sums[0] / f32(elements);
        // Bits a nat.
        terms[chain.step * params.samples + n] = vec4<f32>(mean.x * 1.4426950408889634, mean.yz, 0.0);
    }
}

// Nats, (x_0 − x̂_0)² and (ε − ε̂)² of one element.
fn of_element(step: StepCoefficients, decodes: bool, place: u32, output_place: u32) -> vec3<f32> {
    let x0 = x_start[place];
    let x = x_t[place];
    let output = model_output[output_place];
    let unclipped = step.x_start_of_x_t * x + step.x_start_of_output * output;
    let pred_x_start = select(unclipped, clamp(unclipped, -1.0, 1.0), params.clip == 1u);
    let pred_noise = (x - step.sqrt_alphas_cumprod * pred_x_start) / step.sqrt_one_minus_alphas_cumprod;
    // A fixed variance has no channels of its own.
    var variance_output = 0.0;
    if params.variance_type >= VARIANCE_LEARNED {
        variance_output = model_output[output_place + params.channels];
    }
    let log_variance = log_variance_of(step, params.variance_type, variance_output);

    var nats: f32;
    if decodes {
        let mean = step.x_start_coef * pred_x_start + step.x_t_coef * x + step.output_coef * output;
        nats = -discretized_gaussian_log_likelihood(x0, mean, 0.5 * log_variance);
    } else {
        // The posterior's mean less this one: what they share is left out, not subtracted.
        let mean_difference = step.x_start_coef * (x0 - pred_x_start)
            + step.output_coef * (x0 - unclipped) / step.x_start_of_output;
        nats = normal_kl(mean_difference, step.min_log_variance, log_variance);
    }
    let x_start_error = x0 - pred_x_start;
    let noise_error = noise[place] - pred_noise;
    return vec3<f32>(nats, x_start_error * x_start_error, noise_error * noise_error);
}
