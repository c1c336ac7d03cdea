//! Host kernel of `shaders/training_loss.wgsl`: the loss of training and its gradient, in f64. With o the network's output, v its
//! word on the variance,
//!
//! ```text
//! e = target_of_x_start·x_0 + target_of_noise·ε − o,  loss = mse_weight·e² + bound_scale·vb(e, v)
//! ```

use super::bound_terms::bound_term;
use super::share::share;
use crate::gpu::Call;
use crate::ops::training_loss::{LossCoefficients, TrainingLoss};

/// d_output, and the sums of each chunk of pixels.
pub fn training_loss(call: &mut Call<'_>) {
    let params: TrainingLoss = call.params();
    let [output, x_start, noise] = [0, 1, 2].map(|ix| call.read(ix));
    let (timesteps, coefficients) = (call.read_u32(3), call.read_as::<LossCoefficients>(4));
    let (d_output, partials) = (call.write(5), call.write(6));
    let [pixels, chunk, chunks] = [params.pixels, params.chunk, params.chunks].map(|n| n as usize);
    let stride = params.output_stride as usize;
    let words = params.samples as usize * pixels * stride;
    let d_output = d_output[..words].chunks_mut(pixels * stride).flat_map(|d| d.chunks_mut(chunk * stride));
    share(call.team(), d_output.zip(partials.chunks_mut(2)), |ix, (d_output, sums)| {
        let (sample, first) = (ix / chunks, ix % chunks * chunk);
        let t = timesteps[sample];
        let pixel = sample * pixels + first;
        let read = Read {
            output: &output[pixel * stride..],
            x_start: &x_start[pixel * params.stride as usize..],
            noise: &noise[pixel * params.stride as usize..],
        };
        let found = loss_of_pixels(&params, &coefficients[t as usize], t, &read, d_output);
        sums.copy_from_slice(&found.map(|sum| sum as f32));
    });
}

/// From the first pixel of a chunk on.
struct Read<'a> {
    output: &'a [f32],
    x_start: &'a [f32],
    noise: &'a [f32],
}

/// Σ mse_weight·e² and Σ bound_scale·vb over the pixels of `d_output`.
fn loss_of_pixels(
    params: &TrainingLoss,
    at: &LossCoefficients,
    t: u32,
    read: &Read<'_>,
    d_output: &mut [f32],
) -> [f64; 2] {
    let channels = params.channels as usize;
    let of_learned = if params.learned_variance == 1 { f64::from(at.log_variance_of_output) } else { 0.0 };
    let (bound_scale, mean_of_output) = (f64::from(params.bound_scale), f64::from(at.mean_of_output));
    let [mse_weight, scale] = [at.mse_weight, params.scale].map(f64::from);
    let [of_x_start, of_noise] = [at.target_of_x_start, at.target_of_noise].map(f64::from);
    let mut sums = [0.0; 2];
    d_output.fill(0.0);
    for (pixel, d_output) in d_output.chunks_mut(params.output_stride as usize).enumerate() {
        let output = &read.output[pixel * params.output_stride as usize..];
        for channel in 0..channels {
            let place = pixel * params.stride as usize + channel;
            let x_0 = f64::from(read.x_start[place]);
            let error =
                of_x_start * x_0 + of_noise * f64::from(read.noise[place]) - f64::from(output[channel]);
            sums[0] += mse_weight * error * error;
            let mut d_mean = -2.0 * mse_weight * error;
            if bound_scale != 0.0 {
                let learned = if params.learned_variance == 1 { output[channel + channels] } else { 0.0 };
                let term = bound_term(at, t, x_0, mean_of_output * error, of_learned * f64::from(learned));
                sums[1] += bound_scale * term.nats;
                if params.bound_reaches_mean == 1 {
                    d_mean += bound_scale * mean_of_output * term.d_mean;
                }
                if params.learned_variance == 1 {
                    let d_variance = bound_scale * of_learned * term.d_log_variance;
                    d_output[channel + channels] = (scale * d_variance) as f32;
                }
            }
            d_output[channel] = (scale * d_mean) as f32;
        }
    }
    sums
}
