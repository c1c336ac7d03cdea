//! Host kernel of `shaders/adam.wgsl`: one step of Adam with decoupled weight decay, and the parameters' moving average:
//!
//! ```text
//! g = factor · gradient,  m = β1 · m + (1 − β1) · g,  v = β2 · v + (1 − β2) · g²
//! θ = θ − lr · decay · θ − lr · (m / (1 − β1^k)) / (√(v / (1 − β2^k)) + eps)
//! average = ema · average + (1 − ema) · θ
//! ```

use super::share::share;
use crate::gpu::{Call, vectorised};
use crate::ops::adam::{Adam, AdamStep};

/// Words of a task.
const WORDS: usize = 16384;
/// Words that are computed together.
const LANES: usize = 16;

/// A step of one bank.
pub fn adam(call: &mut Call<'_>) {
    let params: Adam = call.params();
    let step = call.read_as::<AdamStep>(0)[0];
    let factor = call.read(1)[0];
    let words = params.count as usize * 4;
    let gradients = call.read(2)[..words].chunks(WORDS);
    let [values, first_moment, second_moment, average] =
        [3, 4, 5, 6].map(|ix| call.write(ix)[..words].chunks_mut(WORDS));
    let arrays = gradients.zip(values).zip(first_moment).zip(second_moment).zip(average);
    let (level, settings) = (call.level(), Settings { params, step, factor });
    share(call.team(), arrays, |_, ((((gradients, values), first_moment), second_moment), average)| {
        step_of_words(level, &settings, gradients, [values, first_moment, second_moment, average]);
    });
}

struct Settings {
    params: Adam,
    step: AdamStep,
    factor: f32,
}

vectorised! {
    /// arrays: θ, m, v, average.
    fn step_of_words<'a>(simd: S, settings: &'a Settings, gradients: &'a [f32], arrays: [&'a mut [f32]; 4]) {
        let (gradients, gradients_rest) = gradients.as_chunks();
        let [values, firsts, seconds, averages] = arrays.map(|array| array.as_chunks_mut());
        let lines = gradients.iter().zip(values.0).zip(firsts.0).zip(seconds.0).zip(averages.0);
        for ((((gradient, value), first), second), average) in lines {
            step_of_line(settings, gradient, [value, first, second, average]);
        }
        let mut rest = [values.1, firsts.1, seconds.1, averages.1];
        let mut lines = [[0.0; LANES]; 4];
        let count = gradients_rest.len();
        let mut gradient = [0.0; LANES];
        gradient[..count].copy_from_slice(gradients_rest);
        for (line, rest) in lines.iter_mut().zip(&rest) {
            line[..count].copy_from_slice(rest);
        }
        step_of_line(settings, &gradient, lines.each_mut());
        for (line, rest) in lines.iter().zip(&mut rest) {
            rest.copy_from_slice(&line[..count]);
        }
    }
}

/// All is read before anything is written, so that the compiler need not know that the arrays are apart.
#[inline(always)]
fn step_of_line(settings: &Settings, gradient: &[f32; LANES], arrays: [&mut [f32; LANES]; 4]) {
    let Settings { params, step, factor } = settings;
    let [values, firsts, seconds, averages] = arrays;
    let [mut value, mut first, mut second, mut average] = [*values, *firsts, *seconds, *averages];
    for i in 0..LANES {
        let g = gradient[i] * factor;
        first[i] = params.beta1 * first[i] + params.rate1 * g;
        second[i] = params.beta2 * second[i] + params.rate2 * g * g;
        let root = (second[i] * step.second_correction).sqrt();
        let direction = first[i] * step.first_correction / (root + params.eps);
        value[i] -= step.learning_rate * (params.weight_decay * value[i] + direction);
        average[i] += step.average_rate * (value[i] - average[i]);
    }
    (*values, *firsts, *seconds, *averages) = (value, first, second, average);
}
