//! Host kernel of `shaders/dropout.wgsl`: x = mask · x / (1 − rate), in place; an element is kept where Philox's uniform of it
//! is at least `rate`.

use super::philox::{Source, Word, fill};
use super::share::share;
use super::strips::{PIXELS, Strip, Strips};
use crate::gpu::{Call, vectorised};
use crate::ops::chain::Chain;
use crate::ops::dropout::Dropout;
use crate::rng::Stream;

/// Dropout of a tensor, or of its gradient.
pub fn dropout(call: &mut Call<'_>) {
    let params: Dropout = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let stride = params.quads * 4;
    let channels = &call.read_u32(1)[..stride as usize];
    let (level, team, x) = (call.level(), call.team(), call.write(2));
    let strips = Strips::new(params.samples, params.pixels, stride);
    share(team, strips.of(x), |ix, x| {
        let strip = strips.at(ix);
        let source = Source::new(&chain, Stream::Dropout as u32, params.layer, strip.sample as u32);
        drop_out(level, &source, strip, channels, params.rate, x);
    });
}

/// Floats of a pixel that are masked together: a cache line.
const LANES: usize = 16;

vectorised! {
    fn drop_out<'a>(
        simd: S,
        source: &'a Source,
        strip: Strip,
        channels: &'a [u32],
        rate: f32,
        x: &'a mut [f32],
    ) {
        let scale = 1.0 / (1.0 - rate);
        let mut words = [0; LANES * PIXELS];
        let mut masks = [[0.0; LANES]; PIXELS];
        for (group, lanes) in channels.chunks(LANES).enumerate() {
            // Where channels follow on each other without a gap, so do their elements: one draw.
            let mut left = &mut words[..lanes.len() * strip.pixels];
            for run in lanes.chunk_by(|a, b| strip.is_whole() && a.checked_add(1) == Some(*b)) {
                let (words, rest) = left.split_at_mut(run.len() * strip.pixels);
                match run[0] {
                    // Padding: what is drawn by 0 is dropped.
                    u32::MAX => words.fill(0),
                    channel => fill::<Word>(source, strip.element(channel), words),
                }
                left = rest;
            }
            for (lane, words) in words.chunks_exact(strip.pixels).take(lanes.len()).enumerate() {
                for (mask, word) in masks.iter_mut().zip(words) {
                    let uniform = ((word >> 9) as i32 as f32 + 0.5) * (1.0 / 8_388_608.0);
                    mask[lane] = if uniform >= rate { scale } else { 0.0 };
                }
            }
            for (x, mask) in x.chunks_exact_mut(channels.len()).zip(&masks) {
                let x = &mut x[group * LANES..];
                match x.first_chunk_mut::<LANES>() {
                    Some(x) => x.iter_mut().zip(mask).for_each(|(x, mask)| *x *= mask),
                    None => x.iter_mut().zip(mask).for_each(|(x, mask)| *x *= mask),
                }
            }
        }
    }
}
