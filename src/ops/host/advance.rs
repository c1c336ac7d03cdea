//! Host kernel of `shaders/advance.wgsl`: chain.step += 1; timesteps\[row\] = steps\[chain.step\].t, or 0 past the end.

use crate::gpu::Call;
use crate::ops::advance::Advance;
use crate::ops::chain::{Chain, StepCoefficients};

/// On to the next step of the chain.
pub fn advance(call: &mut Call<'_>) {
    let params: Advance = call.params();
    let steps = call.read_as::<StepCoefficients>(0);
    let (chain, timesteps) = (call.write(1), call.write_u32(2));
    let chain: &mut Chain = &mut bytemuck::cast_slice_mut(&mut chain[..4])[0];
    chain.step = chain.step.wrapping_add(1);
    let step = steps.get(chain.step as usize).filter(|_| chain.step < params.sampling_steps);
    timesteps[..params.rows as usize].fill(step.map_or(0, |step| step.t));
}
