//! Host kernels of `shaders/p_sample.wgsl`, and the step that those of `shaders/guided_step.wgsl` share with them:
//!
//! ```text
//! x_prev = x_start_coef·x̂_0 + x_t_coef·x_t + output_coef·o + pred_noise_coef·ε̂ + σ·z
//! ```

use super::math::exp;
use super::philox::Source;
use super::prediction::{Prediction, guided_output, predict, standard_deviation};
use super::share::share;
use super::strips::Strips;
use super::variance::{is_learned, log_variance};
use crate::gpu::{Call, vectorised};
use crate::ops::chain::{Chain, StepCoefficients};
use crate::ops::p_sample::PSample;
use crate::rng::Stream;
use crate::spec::VarianceType;

/// The ancestral step (arXiv 2006.11239, Algorithm 2, line 4).
pub fn p_sample(call: &mut Call<'_>) {
    reverse_step(call, true, None);
}

/// The step of DDIM (arXiv 2010.02502, eq. 12), either way, or of Langevin dynamics.
pub fn ddim_step(call: &mut Call<'_>) {
    reverse_step(call, false, None);
}

/// One reverse step, moved by a classifier's `gradient` if there is one (arXiv 2105.05233, Algorithm 1, or 2 if not ancestral).
pub fn reverse_step(call: &mut Call<'_>, ancestral: bool, gradient: Option<&[f32]>) {
    let params: PSample = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let Some(&at) = call.read_as::<StepCoefficients>(1).get(chain.step as usize) else { return };
    // What is not ancestral has its own σ, whatever variance the network has learned.
    let variance_type = if ancestral { params.variance_type } else { VarianceType::FixedSmall as u32 };
    let step = Step { params, at, variance_type, ancestral };
    let outputs = call.read(2);
    let null_class = params.samples * params.plane * params.output_stride;
    let null_class = (params.guidance_mode != 0).then(|| &outputs[null_class as usize..]);

    let (level, team) = (call.level(), call.team());
    let (x, pred_x_start, pred_noise) = (call.write(3), call.write(4), call.write(5));
    let strips = Strips::new(params.samples, params.plane, params.stride);
    let written = strips.of_copies(x, params.copies).zip(strips.of(pred_x_start)).zip(strips.of(pred_noise));
    share(team, written, |ix, ((x, pred_x_start), pred_noise)| {
        let strip = strips.at(ix);
        let z = if at.sigma > 0.0 {
            let offset = strip.sample as u32 * params.sample_step;
            let source = Source::new(&chain, Stream::ReverseNoise as u32, at.noise_t, offset);
            strip.normals(level, &source, params.channels)
        } else {
            vec![0.0; strip.pixels * params.channels as usize]
        };
        let pixels = Pixels {
            z: &z,
            outputs: strip.of(outputs, params.output_stride),
            null_class: null_class.map(|rows| strip.of(rows, params.output_stride)),
            gradient: gradient.map(|gradient| strip.of(gradient, params.stride)),
            x,
            pred_x_start,
            pred_noise,
        };
        step_of_pixels(level, &step, pixels);
    });
}

/// What a step is for all elements.
struct Step {
    params: PSample,
    at: StepCoefficients,
    variance_type: u32,
    ancestral: bool,
}

/// What a step reads and writes of some pixels; z is [channels][pixels], all else channels last.
struct Pixels<'a> {
    z: &'a [f32],
    outputs: &'a [f32],
    null_class: Option<&'a [f32]>,
    gradient: Option<&'a [f32]>,
    /// x_t in the first copy, then x_prev in both.
    x: [&'a mut [f32]; 2],
    pred_x_start: &'a mut [f32],
    pred_noise: &'a mut [f32],
}

vectorised! {
    fn step_of_pixels<'a>(simd: S, step: &'a Step, pixels: Pixels<'a>) {
        let Pixels { z, outputs, null_class, gradient, x: [x, copy], pred_x_start, pred_noise } = pixels;
        let (stride, output_stride) = (step.params.stride as usize, step.params.output_stride as usize);
        let channels = step.params.channels as usize;
        let is_learned = is_learned(step.variance_type);
        for (channel, z) in z.chunks((z.len() / channels).max(1)).enumerate() {
            for (pixel, &z) in z.iter().enumerate() {
                let place = pixel * stride + channel;
                let output_place = pixel * output_stride + channel;
                let null_class = null_class.map(|rows| rows[output_place]);
                let element = Element {
                    x_t: x[place],
                    output: guided_output(&step.params, outputs[output_place], null_class),
                    // The learned variances follow the channels of the prediction.
                    learned: if is_learned { outputs[output_place + channels] } else { 0.0 },
                    gradient: gradient.map(|gradient| gradient[place]),
                    z,
                };
                let (x_prev, prediction) = step_of_element(step, &element);
                x[place] = x_prev;
                if let Some(copy) = copy.get_mut(place) {
                    *copy = x_prev;
                }
                pred_x_start[place] = prediction.x_start;
                pred_noise[place] = prediction.noise;
            }
        }
    }
}

/// What a step reads of one element; `learned` is the network's word on its variance.
struct Element {
    x_t: f32,
    output: f32,
    learned: f32,
    gradient: Option<f32>,
    z: f32,
}

/// x_prev, and what it was made of.
#[inline(always)]
fn step_of_element(step: &Step, element: &Element) -> (f32, Prediction) {
    let Step { params, at, variance_type, ancestral } = step;
    let &Element { x_t, output, learned, gradient, z } = element;
    let mut prediction = predict(params, at, x_t, output);
    let sigma = standard_deviation(at, *variance_type, learned);
    let mut shift = 0.0;
    if let Some(gradient) = gradient {
        if *ancestral {
            shift = exp(log_variance(at, *variance_type, learned)) * gradient;
        } else {
            let scale = at.sqrt_one_minus_alphas_cumprod;
            prediction.noise -= scale * gradient;
            prediction.x_start = (x_t - scale * prediction.noise) / at.sqrt_alphas_cumprod;
        }
    }
    let mean = at.x_start_coef * prediction.x_start + at.x_t_coef * x_t + at.output_coef * output;
    let x_prev = mean + shift + at.pred_noise_coef * prediction.noise + sigma * z;
    (x_prev, prediction)
}
