//! Runs by name are what they are said to be.

use ddpm::graph::{Graph, unet};
use ddpm::train::Preset;

use crate::refusal::assert_refused;

fn graph(preset: Preset, shape: [u32; 3]) -> Graph {
    let spec = preset.network(shape);
    spec.validate().expect("a network");
    unet::describe(&spec, spec.sample_size).expect("a graph")
}

#[test]
fn presets_have_the_size_that_they_promise() {
    let tiny = graph(Preset::Tiny, [1, 28, 28]);
    println!("tiny: {} parameters, {} FLOPs", tiny.num_parameters(), tiny.flops());
    assert!(tiny.flops() <= 67_000_000, "{} FLOPs", tiny.flops());
    let small = graph(Preset::Small, [1, 28, 28]);
    println!("small: {} parameters, {} FLOPs", small.num_parameters(), small.flops());
    let reference = crate::fixtures::path("checkpoints/fashion-mnist-reference");
    let reference = ddpm::checkpoint::folder::load(reference).expect("the reference");
    assert_eq!(Preset::Small.network([1, 28, 28]), reference.unet);
    let paper = graph(Preset::Cifar10, [3, 32, 32]);
    assert_eq!(paper.num_parameters(), 35_746_307);
    let run = Preset::Cifar10.training();
    assert_eq!((run.steps, run.batch_size, run.warmup_steps), (800_000, 128, 5000));
    assert_eq!((run.learning_rate, run.ema_decay, run.max_grad_norm), (2e-4, 0.9999, Some(1.0)));
    assert!(Preset::Cifar10.mirrors() && Preset::Cifar10.network([3, 32, 32]).dropout == 0.1);
}

#[test]
fn presets_take_the_pictures_shape_as_far_as_they_can() {
    for preset in Preset::ALL {
        let multiple = preset.network([1, 8, 8]).size_multiple();
        for shape in [[1, 28, 28], [3, 33, 50], [3, 1, 64]] {
            let spec = preset.network(shape);
            spec.validate().unwrap_or_else(|error| panic!("{preset} for {shape:?}: {error}"));
            assert_eq!((spec.in_channels, spec.out_channels), (shape[0], shape[0]));
            for (side, wanted) in spec.sample_size.into_iter().zip([shape[1], shape[2]]) {
                assert!(side >= wanted && side < wanted + multiple, "{preset}: {side} for {wanted}");
            }
        }
        preset.training().validate().expect("a run");
        assert_eq!(preset.name().parse::<Preset>().expect("a name"), preset);
    }
    assert_refused("large".parse::<Preset>(), &["tiny, small or cifar10", "large"]);
}
