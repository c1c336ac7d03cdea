//! Host kernel of `shaders/mean_loss.wgsl`: the sums that training_loss leaves, to the losses of samples and of the step.

use crate::gpu::Call;
use crate::ops::chain::Chain;
use crate::ops::mean_loss::MeanLoss;

/// The two parts of each sample's loss, and all of them accumulated into the step's.
pub fn mean_loss(call: &mut Call<'_>) {
    let params: MeanLoss = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let partials = call.read_as::<[f32; 2]>(1).chunks(params.chunks.max(1) as usize);
    let (sample_losses, losses) = (call.write(2), call.write(3));
    let mut total = 0.0;
    for (partials, loss) in partials.zip(sample_losses.chunks_mut(2)).take(params.samples as usize) {
        for (part, loss) in loss.iter_mut().enumerate() {
            let sum: f64 = partials.iter().map(|sums| f64::from(sums[part])).sum();
            let mean = sum * f64::from(params.sample_scale);
            *loss = mean as f32;
            total += mean;
        }
    }
    losses[(chain.step % params.slots) as usize] += (total * f64::from(params.batch_scale)) as f32;
}
