//! Host kernel of `shaders/q_sample.wgsl`: x_t = √ᾱ_t·x_start + √(1 − ᾱ_t)·noise, and the noise, the padding channels 0.

use super::philox::Source;
use super::share::share;
use super::strips::Strips;
use crate::gpu::Call;
use crate::ops::chain::Chain;
use crate::ops::q_sample::QSample;

/// A draw of q(x_t | x_0) for every sample's t.
pub fn q_sample(call: &mut Call<'_>) {
    let params: QSample = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let (x_start, timesteps, coefficients) = (call.read(1), call.read_u32(2), call.read_as::<[f32; 2]>(3));
    let (level, team, x_t, noise) = (call.level(), call.team(), call.write(4), call.write(5));
    let stride = params.stride as usize;
    let strips = Strips::new(params.samples, params.plane, params.stride);
    share(team, strips.of(x_t).zip(strips.of(noise)), |ix, (x_t, noise)| {
        let strip = strips.at(ix);
        let t = timesteps[strip.sample];
        let [signal, scale] = coefficients[t as usize];
        let offset = strip.sample as u32 * params.sample_step;
        let drawn = strip.normals(level, &Source::new(&chain, params.stream, t, offset), params.channels);
        let x_start = strip.of(x_start, params.stride);
        x_t.fill(0.0);
        noise.fill(0.0);
        for (channel, drawn) in drawn.chunks(strip.pixels).enumerate() {
            for (pixel, drawn) in drawn.iter().enumerate() {
                let place = pixel * stride + channel;
                x_t[place] = signal * x_start[place] + scale * drawn;
                noise[place] = *drawn;
            }
        }
    });
}
