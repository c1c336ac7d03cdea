//! What is recorded of a micro-batch: Algorithm 1 (arXiv 2006.11239) up to the gradients.

use crate::error::Result;
use crate::gpu::{Buffer, GpuContext, Plan, Recorder};
use crate::ops::chain::Picture;
use crate::ops::q_sample::ForwardBuffers;
use crate::ops::training_loss::{Loss, LossBuffers};
use crate::ops::{TrainingNetwork, advance_training, draw_timesteps, q_sample, training_loss};

/// What a micro-batch is made of, in training and in validation.
pub(super) struct Buffers<'a> {
    pub(super) x_start: &'a Buffer,
    pub(super) noise: &'a Buffer,
    /// (√ᾱ, √(1 − ᾱ)) of every t.
    pub(super) coefficients: &'a Buffer,
    /// Two f32 a sample.
    pub(super) sample_losses: &'a Buffer,
    /// T.
    pub(super) num_timesteps: u32,
}

/// What differs between the two.
pub(super) struct Pass<'a> {
    pub(super) forward: &'a Plan,
    pub(super) backward: &'a Plan,
    pub(super) loss: &'a Loss,
    pub(super) chain: &'a Buffer,
    pub(super) losses: &'a Buffer,
    /// Samples over which the loss is a mean.
    pub(super) batch: u32,
    /// Whether the next micro-batch is another step's.
    pub(super) ends_step: bool,
}

/// Draws t and ε, and plays the passes with the loss between them; then the chain goes on by a micro-batch.
pub(super) fn record(
    gpu: &GpuContext,
    network: &TrainingNetwork,
    buffers: &Buffers<'_>,
    pass: &Pass<'_>,
) -> Result<Plan> {
    let tensor = network.input_tensor();
    let samples = network.batch();
    let picture = Picture {
        plane: tensor.pixels(),
        channels: tensor.channels(),
        stride: tensor.quads() * 4,
        samples,
        copies: 1,
        shared_noise: false,
    };
    let mut rec = Recorder::new(gpu);
    draw_timesteps::record(&mut rec, samples, buffers.num_timesteps, pass.chain, &network.timesteps)?;
    let noised = ForwardBuffers {
        chain: pass.chain,
        x_start: buffers.x_start,
        timesteps: &network.timesteps,
        coefficients: buffers.coefficients,
        x_t: &network.x,
        noise: buffers.noise,
    };
    q_sample::record(&mut rec, &picture, &noised)?;
    let before = rec.take();
    let compared = LossBuffers {
        chain: pass.chain,
        output: &network.output,
        x_start: buffers.x_start,
        noise: buffers.noise,
        timesteps: &network.timesteps,
        d_output: &network.d_output,
        sample_losses: buffers.sample_losses,
        losses: pass.losses,
    };
    training_loss::record(
        &mut rec,
        gpu,
        pass.loss,
        [samples, pass.batch],
        [network.output_tensor(), tensor],
        &compared,
    )?;
    let between = rec.take();
    advance_training::record(&mut rec, samples, pass.ends_step, pass.chain, pass.losses)?;
    Ok(before.then(pass.forward.clone()).then(between).then(pass.backward.clone()).then(rec.finish()))
}
