//! It learns: the preset `tiny` on Fashion-MNIST, and what it does not reach when the gradient of one part of it is zero.

use std::sync::Arc;

use ddpm::checkpoint::{Checkpoint, Metadata};
use ddpm::dataset::files::{self, LoadOptions, Source, Split};
use ddpm::dataset::{Dataset, Loader, LoaderOptions};
use ddpm::graph::unet;
use ddpm::spec::{DiffusionSpec, LearningRateSchedule, TrainSpec};
use ddpm::train::{Preset, TrainBatch, Trainer, initial_weights};

use super::super::gpu::{block_on, cpu};

const STEPS: u32 = 240;
const BATCH: u32 = 8;
/// Mean squared error on 256 test pictures, each with a t and an ε of its own, the same for every run.
const REACHED: f64 = 0.0682;

/// Pictures [N, C, H, W] of successive batches.
fn batches(split: Split, count: u32) -> (Arc<Dataset>, Vec<Vec<f32>>) {
    let options = LoadOptions { split, ..LoadOptions::default() };
    let loaded = files::load(&Source::FashionMnist, &options, &mut |_, _| {}).expect("Fashion-MNIST");
    let dataset = Arc::new(loaded.dataset);
    let options = LoaderOptions { batch_size: BATCH, seed: 0, mirror: false, label_dropout: None };
    let mut loader = Loader::new(dataset.clone(), options).expect("a loader");
    let batches = (0..count).map(|step| loader.batch(step).expect("a batch").x_start());
    (dataset, batches.collect())
}

/// The loss on the test split after training with the gradient of some layers' outputs zero.
fn loss_after_training(stopped: &[&str]) -> f64 {
    let (dataset, training) = batches(Split::Train, STEPS);
    let (_, test) = batches(Split::Test, 256 / BATCH);
    let unet = Preset::Tiny.network(dataset.shape());
    let graph = unet::describe(&unet, unet.sample_size).expect("a graph");
    let weights = initial_weights(&graph, 0).expect("weights");
    let checkpoint =
        Checkpoint { unet, diffusion: DiffusionSpec::default(), metadata: Metadata::default(), weights };
    let spec = TrainSpec {
        steps: STEPS,
        batch_size: BATCH,
        micro_batch: BATCH,
        learning_rate: 4e-3,
        schedule: LearningRateSchedule::Cosine,
        warmup_steps: 20,
        stopped: stopped.iter().map(|&name| name.to_owned()).collect(),
        ..TrainSpec::default()
    };
    let mut trainer = Trainer::new(cpu(), &checkpoint, &spec).expect("a trainer");
    let batch = |x_start| TrainBatch { x_start, labels: None };
    for x_start in &training {
        trainer.train_step(&batch(x_start)).expect("a step");
    }
    let test: Vec<TrainBatch<'_>> = test.iter().map(|x_start| batch(x_start)).collect();
    let loss = block_on(trainer.validation_loss(&test)).expect("a loss");
    println!("{stopped:?} stopped: {loss:.4} after {STEPS} steps of {BATCH} (at most {REACHED})");
    loss
}

#[test]
fn tiny_learns() {
    let loss = loss_after_training(&[]);
    assert!(loss <= REACHED, "{loss}, expected at most {REACHED}");
}

#[test]
fn tiny_does_not_learn_as_much_without_conv_in() {
    assert!(loss_after_training(&["conv_in"]) > REACHED);
}

#[test]
fn tiny_does_not_learn_as_much_without_the_time_embedding() {
    assert!(loss_after_training(&["time_embedding.linear_2"]) > REACHED);
}

/// The last attention's block, through which the coarser levels reach the loss.
#[test]
fn tiny_does_not_learn_as_much_without_an_attentions_output() {
    assert!(loss_after_training(&["up_blocks.1.attentions.1.to_out.0"]) > REACHED);
}
