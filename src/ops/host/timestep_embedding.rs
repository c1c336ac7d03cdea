//! Host kernel of `shaders/timestep_embedding.wgsl`: out\[row\] = \[sin(t·ω_i), cos(t·ω_i)\], t = timesteps\[row\], or the cosines
//! first, then zeros.

use super::turns::cos_sin_turns;
use crate::gpu::{Call, vectorised};
use crate::ops::timestep_embedding::TimestepEmbedding;

/// The embeddings: few, on this thread.
pub fn timestep_embedding(call: &mut Call<'_>) {
    let params: TimestepEmbedding = call.params();
    let (rows, half, stride) = (params.rows as usize, params.half as usize, params.stride as usize);
    let (frequencies, timesteps) = (&call.read_u32(0)[..half], &call.read_u32(1)[..rows]);
    let out = &mut call.write(2)[..rows * stride];
    embed(call.level(), frequencies, timesteps, params.flip == 1, out);
}

vectorised! {
    fn embed<'a>(
        simd: S, frequencies: &'a [u32], timesteps: &'a [u32], cosines_first: bool, out: &'a mut [f32],
    ) {
        let half = frequencies.len();
        let stride = out.len() / timesteps.len().max(1);
        for (row, t) in out.chunks_exact_mut(stride.max(1)).zip(timesteps) {
            let (first, rest) = row.split_at_mut(half);
            let (second, zeros) = rest.split_at_mut(half);
            let (cosines, sines) = if cosines_first { (first, second) } else { (second, first) };
            for ((cosine, sine), frequency) in cosines.iter_mut().zip(sines).zip(frequencies) {
                [*cosine, *sine] = cos_sin_turns(t.wrapping_mul(*frequency));
            }
            zeros.fill(0.0);
        }
    }
}
