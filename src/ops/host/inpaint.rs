//! Host kernel of `shaders/inpaint.wgsl`: x = √ᾱ_t·known + √(1 − ᾱ_t)·noise where mask < ½, and past the chain's end
//! x = known there (RePaint, arXiv 2201.09865, eq. 8a).

use super::philox::Source;
use super::share::share;
use super::strips::Strips;
use crate::gpu::Call;
use crate::ops::chain::{Chain, StepCoefficients};
use crate::ops::inpaint::Inpaint;
use crate::rng::Stream;

/// What is known, at the chain's present level, in every copy.
pub fn inpaint(call: &mut Call<'_>) {
    let params: Inpaint = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let steps = call.read_as::<StepCoefficients>(1);
    let step = steps.get(chain.step as usize).filter(|_| chain.step < params.sampling_steps);
    let (known, mask) = (call.read(2), call.read(3));
    let (level, team, x) = (call.level(), call.team(), call.write(4));
    let (stride, channels) = (params.stride as usize, params.elements / params.plane.max(1));
    let strips = Strips::new(params.samples, params.plane, params.stride);
    share(team, strips.of_copies(x, params.copies), |ix, copies| {
        let strip = strips.at(ix);
        let (mask, known) = (&mask[strip.first..][..strip.pixels], strip.of(known, params.stride));
        let mut values = vec![0.0; channels as usize * strip.pixels];
        let (mut signal, mut scale) = (1.0, 0.0);
        if let Some(step) = step {
            (signal, scale) = (step.sqrt_alphas_cumprod, step.sqrt_one_minus_alphas_cumprod);
            let offset = strip.sample as u32 * params.sample_step;
            let source = Source::new(&chain, Stream::ForwardNoise as u32, step.t, offset);
            values = strip.normals(level, &source, channels);
        }
        for (channel, values) in values.chunks_mut(strip.pixels).enumerate() {
            for (pixel, value) in values.iter_mut().enumerate() {
                *value = signal * known[pixel * stride + channel] + scale * *value;
            }
        }
        for x in copies {
            for (channel, values) in values.chunks(strip.pixels).enumerate() {
                for ((x, value), mask) in x.chunks_mut(stride).zip(values).zip(mask) {
                    if *mask < 0.5 {
                        x[channel] = *value;
                    }
                }
            }
        }
    });
}
