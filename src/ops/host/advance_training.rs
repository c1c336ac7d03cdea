//! Host kernel of `shaders/advance_training.wgsl`: chain.first_sample += samples; at the end of a step chain.step += 1, and
//! the loss's next slot is 0.

use crate::gpu::Call;
use crate::ops::advance_training::AdvanceTraining;
use crate::ops::chain::Chain;

/// On to the next micro-batch, or the next step.
pub fn advance_training(call: &mut Call<'_>) {
    let params: AdvanceTraining = call.params();
    let (chain, losses) = (call.write(0), call.write(1));
    let chain: &mut Chain = &mut bytemuck::cast_slice_mut(&mut chain[..4])[0];
    chain.first_sample = chain.first_sample.wrapping_add(params.samples);
    if params.ends_step != 0 {
        chain.step = chain.step.wrapping_add(1);
        losses[(chain.step % params.slots) as usize] = 0.0;
    }
}
