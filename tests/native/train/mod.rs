//! Training: its kernels, its steps against PyTorch's, that it goes on as if nothing had happened, that it learns.

mod config;
mod initial;
mod kernels;
mod learning;
mod memory;
mod modes;
mod presets;
mod recipes;
mod state_file;
mod steps;
mod trajectory;

use ddpm::checkpoint::{Checkpoint, Metadata};
use ddpm::graph::unet;
use ddpm::spec::{BlockKind, DiffusionSpec, DownsamplePadding, TimeConditioning, TrainSpec, UNetSpec};
use ddpm::train::{TrainBatch, initial_weights};

/// A network of 8 × 8 pictures that trains in milliseconds, with everything that larger ones have.
pub fn small_unet(num_class_embeds: Option<u32>, dropout: f32) -> UNetSpec {
    UNetSpec {
        sample_size: [8, 8],
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![8, 16],
        down_blocks: vec![BlockKind::Plain, BlockKind::Attention],
        up_blocks: vec![BlockKind::Attention, BlockKind::Plain],
        layers_per_block: 1,
        mid_attention: true,
        attn_norm_num_groups: None,
        attention_head_dim: None,
        norm_num_groups: 4,
        norm_eps: 1e-6,
        downsample_padding: DownsamplePadding::Asymmetric,
        flip_sin_to_cos: false,
        freq_shift: 1.0,
        time_embedding_dim: None,
        time_conditioning: TimeConditioning::Add,
        num_class_embeds,
        dropout,
    }
}

/// A network before training.
pub fn untrained(unet: UNetSpec) -> Checkpoint {
    let graph = unet::describe(&unet, unet.sample_size).expect("a graph");
    let weights = initial_weights(&graph, 5).expect("weights");
    Checkpoint { unet, diffusion: DiffusionSpec::default(), metadata: Metadata::default(), weights }
}

/// A short run.
pub fn short(batch_size: u32, micro_batch: u32) -> TrainSpec {
    TrainSpec {
        steps: 10,
        batch_size,
        micro_batch,
        learning_rate: 1e-3,
        warmup_steps: 3,
        ema_decay: 0.9,
        seed: 11,
        ..TrainSpec::default()
    }
}

/// Pictures and labels of some steps: stripes of each label's own width, and what tells them apart.
pub struct Data {
    x_start: Vec<f32>,
    labels: Vec<u32>,
    batch: usize,
}

impl Data {
    pub fn stripes(steps: u32, batch: u32, side: u32) -> Self {
        let samples = steps * batch;
        let pixel = |s: u32, i: u32| {
            let (x, y) = (i % side, i / side);
            let stripe = (x + s * y) / (1 + s % 3);
            if stripe.is_multiple_of(2) { 0.9 - 0.1 * (s % 5) as f32 } else { -0.8 }
        };
        let x_start = (0..samples).flat_map(|s| (0..side * side).map(move |i| pixel(s, i))).collect();
        Self { x_start, labels: (0..samples).map(|s| s % 3).collect(), batch: batch as usize }
    }

    /// The batch of a step.
    pub fn batch(&self, step: u32, labelled: bool) -> TrainBatch<'_> {
        let elements = self.x_start.len() / self.labels.len() * self.batch;
        let step = step as usize;
        TrainBatch {
            x_start: &self.x_start[step * elements..(step + 1) * elements],
            labels: labelled.then(|| &self.labels[step * self.batch..(step + 1) * self.batch]),
        }
    }
}
