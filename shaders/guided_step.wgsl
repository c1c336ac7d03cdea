// One reverse step that follows a classifier (arXiv 2105.05233): p_sample.wgsl's, moved by g = `gradient`, the gradient of
// ln p(y | x_t) in x_t, times whatever scale its maker gave it.
//
//     p_sample_guided (Algorithm 1):   x_prev = x_prev of p_sample + σ²·g
//     ddim_step_guided (Algorithm 2):  ε̂ ← ε̂ − √(1 − ᾱ_t)·g,  x̂_0 ← (x_t − √(1 − ᾱ_t)·ε̂) / √ᾱ_t, then as ddim_step
//
// σ² is the variance of the model, in the last step too, which draws no noise; the x̂_0 that follows from the moved ε̂ is not
// clipped again.
//
// gradient: like pred_noise; read. All else as in p_sample.wgsl, its bindings, its layouts, its dispatch.

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
@group(0) @binding(7) var<storage, read> gradient: array<f32>;

// rng::Stream::ReverseNoise.
const REVERSE_NOISE: u32 = 1;

@compute @workgroup_size(64)
fn p_sample_guided(@builtin(global_invocation_id) id: vec3<u32>) {
    guided_step(id.y, id.x, true);
}

@compute @workgroup_size(64)
fn ddim_step_guided(@builtin(global_invocation_id) id: vec3<u32>) {
    guided_step(id.y, id.x, false);
}

// The step of elements 4·block_ix to 4·block_ix + 3 of sample n.
fn guided_step(n: u32, block_ix: u32, ancestral: bool) {
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
        var prediction = predict(step, x_t, output);
        var sigma = step.sigma;
        var shift = 0.0;
        if ancestral {
            sigma = standard_deviation(step, params.variance_type, output_place);
            shift = exp(log_variance(step, params.variance_type, output_place)) * gradient[place];
        } else {
            prediction.noise -= step.sqrt_one_minus_alphas_cumprod * gradient[place];
            prediction.x_start =
                (x_t - step.sqrt_one_minus_alphas_cumprod * prediction.noise) / step.sqrt_alphas_cumprod;
        }
        let mean = step.x_start_coef * prediction.x_start + step.x_t_coef * x_t + step.output_coef * output;
        let x_prev = mean + shift + step.pred_noise_coef * prediction.noise + sigma * z[i];

        for (var copy = 0u; copy < params.copies; copy++) {
            x[copy * params.samples * params.plane * params.stride + place] = x_prev;
        }
        pred_x_start[place] = prediction.x_start;
        pred_noise[place] = prediction.noise;
    }
}
