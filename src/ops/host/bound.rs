//! Host kernel of `shaders/bound.wgsl`: one term of the variational bound a picture (arXiv 2006.11239, eq. 5), L_{t−1} at t > 0
//! and L_0 at t = 0, in bits per dimension, and the mean squared errors of x̂_0 and of the ε̂ that fits it.
//!
//! The densities are the host's own, in f64.

use std::f64::consts::LN_2;

use super::variance::{is_learned, log_variance};
use crate::diffusion::bound::{discretized_gaussian_log_likelihood, normal_kl};
use crate::gpu::Call;
use crate::ops::bound::Bound;
use crate::ops::chain::{Chain, StepCoefficients};

/// The terms of slot chain.step.
pub fn bound(call: &mut Call<'_>) {
    let params: Bound = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let (steps, timesteps) = (call.read_as::<StepCoefficients>(1), call.read_u32(2));
    let pictures =
        Pictures { x_start: call.read(3), x_t: call.read(4), noise: call.read(5), output: call.read(6) };
    let words = params.samples as usize * 4;
    let terms = &mut call.write(7)[chain.step as usize * words..][..words];
    call.team().for_each_piece(terms, 4, |n, term| {
        let t = timesteps[n];
        let step = &steps[(params.num_timesteps - 1 - t) as usize];
        let [nats, x_start_error, noise_error] = mean_of_picture(&params, step, t == 0, &pictures, n);
        term.copy_from_slice(&[(nats / LN_2) as f32, x_start_error as f32, noise_error as f32, 0.0]);
    });
}

struct Pictures<'a> {
    x_start: &'a [f32],
    x_t: &'a [f32],
    noise: &'a [f32],
    output: &'a [f32],
}

/// The means of [`of_element`]'s.
fn mean_of_picture(
    params: &Bound,
    step: &StepCoefficients,
    decodes: bool,
    pictures: &Pictures<'_>,
    n: usize,
) -> [f64; 3] {
    let (plane, channels) = (params.plane as usize, params.channels as usize);
    let mut sums = [0.0; 3];
    for pixel in n * plane..(n + 1) * plane {
        for channel in 0..channels {
            let place = pixel * params.stride as usize + channel;
            let output_place = pixel * params.output_stride as usize + channel;
            // A fixed variance has no channels of its own.
            let learned = is_learned(params.variance_type);
            let learned = if learned { pictures.output[output_place + channels] } else { 0.0 };
            let log_variance = log_variance(step, params.variance_type, learned);
            let [x0, x, noise] = [pictures.x_start, pictures.x_t, pictures.noise].map(|of| of[place].into());
            let element = Element { x0, x, noise, output: pictures.output[output_place].into() };
            let found = of_element(step, params.clip == 1, decodes, &element, log_variance.into());
            for (sum, found) in sums.iter_mut().zip(found) {
                *sum += found;
            }
        }
    }
    sums.map(|sum| sum / (plane * channels) as f64)
}

struct Element {
    x0: f64,
    x: f64,
    noise: f64,
    output: f64,
}

/// Nats, (x_0 − x̂_0)² and (ε − ε̂)² of one element.
fn of_element(
    step: &StepCoefficients,
    clip: bool,
    decodes: bool,
    element: &Element,
    log_variance: f64,
) -> [f64; 3] {
    let &Element { x0, x, noise, output } = element;
    let unclipped = f64::from(step.x_start_of_x_t) * x + f64::from(step.x_start_of_output) * output;
    let pred_x_start = if clip { unclipped.clamp(-1.0, 1.0) } else { unclipped };
    let signal = f64::from(step.sqrt_alphas_cumprod) * pred_x_start;
    let pred_noise = (x - signal) / f64::from(step.sqrt_one_minus_alphas_cumprod);
    let (x_start_coef, output_coef) = (f64::from(step.x_start_coef), f64::from(step.output_coef));
    let nats = if decodes {
        let mean = x_start_coef * pred_x_start + f64::from(step.x_t_coef) * x + output_coef * output;
        -discretized_gaussian_log_likelihood(x0, mean, 0.5 * log_variance)
    } else {
        // The posterior's mean less this one: what they share is left out, not subtracted.
        let mean_difference = x_start_coef * (x0 - pred_x_start)
            + output_coef * (x0 - unclipped) / f64::from(step.x_start_of_output);
        normal_kl(mean_difference, step.min_log_variance.into(), 0.0, log_variance)
    };
    [nats, (x0 - pred_x_start).powi(2), (noise - pred_noise).powi(2)]
}
