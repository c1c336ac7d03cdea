//! Host kernel of `shaders/draw_timesteps.wgsl`: timesteps\[n\] = ⌊T · word / 2^32⌋, t ~ Uniform{0, …, T − 1}
//! (arXiv 2006.11239, Algorithm 1).

use crate::gpu::Call;
use crate::ops::chain::Chain;
use crate::ops::draw_timesteps::DrawTimesteps;
use crate::rng::{Stream, philox4x32_10};

/// The timesteps of a batch.
pub fn draw_timesteps(call: &mut Call<'_>) {
    let params: DrawTimesteps = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let timesteps = &mut call.write_u32(1)[..params.samples as usize];
    for (timestep, n) in timesteps.iter_mut().zip(0..) {
        let counter = [0, 0, chain.first_sample.wrapping_add(n), Stream::Timestep as u32];
        let word = philox4x32_10(counter, [chain.seed_lo, chain.seed_hi])[0];
        *timestep = ((u64::from(word) * u64::from(params.num_timesteps)) >> 32) as u32;
    }
}
