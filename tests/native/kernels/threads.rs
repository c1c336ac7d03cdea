//! The same bits with any number of threads: sums are divided by shape.

use std::collections::BTreeMap;

use ddpm::checkpoint::{Checkpoint, Weights};
use ddpm::gpu::GpuContext;
use ddpm::graph::{Parameters, unet};
use ddpm::ops::Network;
use ddpm::sampler::{Sampler, SamplerOptions, run};
use ddpm::spec::UNetSpec;
use ddpm::train::{TrainState, Trainer};

use super::conv2d::Conv;
use super::{Case, assert_same_bits, normals};
use crate::compare::assert_fails;
use crate::gpu::{block_on, processor};
use crate::gradients::{Batch, gradients};
use crate::reference::random::RandomParameters;
use crate::train::{Data, short, small_unet, untrained};

/// Asserts that what `compute` finds is the same with 1, 2 and 3 threads, each time twice.
fn assert_same(name: &str, compute: impl Fn(&GpuContext) -> Vec<f32>) {
    let first = compute(&processor(1));
    for threads in [1, 2, 3] {
        let gpu = processor(threads);
        for _ in 0..2 {
            assert_same_bits(&format!("{name}, {threads} threads"), &compute(&gpu), &first);
        }
    }
}

/// The output, as inference and as training compute it, and all gradients.
fn all_of(case: &Case, gpu: &GpuContext) -> Vec<f32> {
    let (x, timesteps, labels) = (&case.x[..], &case.timesteps[..], case.labels.as_deref());
    let network =
        Network::new(gpu, &case.graph, &case.parameters, timesteps.len() as u32).expect("a network");
    let output = block_on(network.predict(gpu, x, timesteps, labels)).expect("an output");
    let d_output = normals(3, case.outputs(), 0.0, 1.0);
    let batch = Batch { x, timesteps, labels, d_output: &d_output, training: None };
    let (again, gradients) = gradients(gpu, &case.graph, &case.parameters, &batch);
    [output, again].into_iter().chain(gradients.into_values()).flatten().collect()
}

#[test]
fn convolutions_each_way() {
    for (way, conv) in [
        (
            "1 × 1",
            Conv { size: [19, 23], batch: 3, kernel: 1, padding: 0, x: vec![30, 7], ..Conv::default() },
        ),
        ("few channels", Conv { size: [40, 37], batch: 2, x: vec![3], layers: vec![21], ..Conv::default() }),
        ("stride 2", Conv { size: [33, 18], stride: 2, x: vec![35], layers: vec![50], ..Conv::default() }),
        (
            "Winograd, in tasks",
            Conv { size: [37, 29], batch: 3, x: vec![20], layers: vec![26], ..Conv::default() },
        ),
        (
            "Winograd, upsampled",
            Conv { size: [19, 13], upsample: true, x: vec![18], layers: vec![17], ..Conv::default() },
        ),
        (
            "Winograd, step by step",
            Conv { size: [7, 9], x: vec![70, 30], layers: vec![66], ..Conv::default() },
        ),
        (
            "what is added",
            Conv { size: [21, 22], layers: vec![34], embedding: true, residual: true, ..Conv::default() },
        ),
        ("a long sum", Conv { size: [64, 61], batch: 3, x: vec![16], layers: vec![16], ..Conv::default() }),
    ] {
        let case = conv.case();
        assert_same(way, |gpu| all_of(&case, gpu));
    }
    let case = Conv { x: vec![16], layers: vec![16], ..Conv::default() }.case();
    let other = Conv { x: vec![16], layers: vec![16], batch: 2, ..Conv::default() }.case();
    let cases = std::sync::Mutex::new([&case, &other].into_iter().cycle());
    assert_fails("another case each time", || {
        assert_same("spoilt", |gpu| all_of(cases.lock().expect("two cases").next().expect("endless"), gpu));
    });
}

/// A network of awkward shapes, with attention, and weights that all matter.
fn checkpoint() -> Checkpoint {
    let unet = UNetSpec {
        sample_size: [12, 20],
        in_channels: 3,
        out_channels: 3,
        block_out_channels: vec![20, 36],
        ..small_unet(None, 0.1)
    };
    let graph = unet::describe(&unet, unet.sample_size).expect("a graph");
    let parameters = RandomParameters::new(&graph, 4);
    let values = |name: &str| parameters.read(name).expect("a parameter").into_owned();
    let tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = graph
        .params
        .iter()
        .map(|param| (param.name.clone(), (param.shape.clone(), values(&param.name))))
        .collect();
    Checkpoint { weights: Weights::from_f32(tensors).expect("weights"), ..untrained(unet) }
}

#[test]
fn a_chain() {
    let checkpoint = checkpoint();
    let options = SamplerOptions { count: 3, seed: 5, steps: 4, ..SamplerOptions::default() };
    assert_same("a chain", |gpu| {
        let mut sampler = Sampler::new(gpu, &checkpoint, &options).expect("a chain");
        run(&mut sampler, None, |_| ()).expect("a chain");
        block_on(sampler.read_view(0)).expect("pictures")
    });
}

#[test]
fn steps_of_training() {
    let checkpoint = checkpoint();
    let pictures = normals(6, 3 * 6 * 3 * 12 * 20, 0.0, 0.5);
    assert_same("training", |gpu| {
        let mut trainer = Trainer::new(gpu, &checkpoint, &short(6, 3)).expect("a trainer");
        for x_start in pictures.chunks_exact(6 * 3 * 12 * 20) {
            trainer.train_step(&ddpm::train::TrainBatch { x_start, labels: None }).expect("a step");
        }
        let losses = block_on(trainer.read_losses(0)).expect("losses");
        let TrainState { arrays, .. } = block_on(trainer.state()).expect("a state");
        let values = arrays.into_iter().flatten().flat_map(|(_, values)| values);
        losses.iter().flat_map(|loss| [loss.loss, loss.grad_norm]).chain(values).collect()
    });
}

/// With labels, and a network that is too small to be shared well.
#[test]
fn steps_of_training_with_labels() {
    let checkpoint = untrained(small_unet(Some(4), 0.2));
    let data = Data::stripes(4, 5, 8);
    assert_same("training with labels", |gpu| {
        let mut trainer = Trainer::new(gpu, &checkpoint, &short(5, 5)).expect("a trainer");
        for step in 0..4 {
            trainer.train_step(&data.batch(step, true)).expect("a step");
        }
        let state = block_on(trainer.state()).expect("a state");
        state.arrays.into_iter().flatten().flat_map(|(_, values)| values).collect()
    });
}
