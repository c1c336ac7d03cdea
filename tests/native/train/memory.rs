//! What training takes is what was told before.

use ddpm::gpu::GpuContext;
use ddpm::graph::unet;
use ddpm::spec::TrainSpec;
use ddpm::train::{MemoryEstimate, Preset, Trainer};

use super::untrained;
use crate::compare::assert_fails;
use crate::gpu::{devices, name};
use crate::refusal::assert_refused;

const GIB: u64 = 1 << 30;

/// Asserts that `allocated` is within a quarter of what was told.
fn assert_told(name: &str, told: u64, allocated: u64) {
    let ratio = allocated as f64 / told as f64;
    println!("{name}: {} MiB told, {} MiB allocated, {ratio:.3}", told >> 20, allocated >> 20);
    assert!((0.8..=1.25).contains(&ratio), "{name}: {told} bytes told, {allocated} allocated");
}

/// Records the training of `preset` at `micro_batch`, or the largest that is told to fit `budget`; bytes told and allocated.
fn record(
    gpu: &GpuContext,
    preset: Preset,
    shape: [u32; 3],
    micro_batch: Option<u32>,
    budget: u64,
) -> (u64, u64) {
    let checkpoint = untrained(preset.network(shape));
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect("a graph");
    let gpu = gpu.with_tile(gpu.tile());
    let estimate = MemoryEstimate::new(&graph, &gpu);
    let training = preset.training();
    let chosen =
        estimate.micro_batch(training.batch_size, budget, gpu.largest_buffer()).expect("a micro-batch");
    let micro_batch = micro_batch.unwrap_or(chosen);
    println!("{preset}: micro-batches of {micro_batch}");
    let spec = TrainSpec { micro_batch, ..training };
    let trainer = Trainer::new(&gpu, &checkpoint, &spec).expect("a trainer");
    (estimate.bytes(micro_batch), trainer.gpu_bytes())
}

#[test]
fn the_estimate_is_what_is_allocated() {
    for gpu in devices() {
        for (preset, shape) in [(Preset::Tiny, [1, 28, 28]), (Preset::Small, [3, 32, 32])] {
            let (told, allocated) = record(gpu, preset, shape, Some(16), 8 * GIB);
            assert_told(&format!("{preset} on {}", name(gpu)), told, allocated);
            assert_fails(preset.name(), || assert_told("spoilt", told / 2, allocated));
        }
    }
}

#[test]
fn the_papers_batch_of_128_fits_8_gib() {
    for gpu in devices() {
        let (told, allocated) = record(gpu, Preset::Cifar10, [3, 32, 32], None, 8 * GIB);
        assert_told(&format!("cifar10 on {}", name(gpu)), told, allocated);
        assert!(allocated <= 8 * GIB, "{allocated} bytes");
    }
}

#[test]
fn micro_batches_are_divisors_that_fit() {
    let estimate = MemoryEstimate { fixed: 1000, per_sample: 10, largest: 4 };
    let rows = [
        (128, 1_000_000, 10_000, 128),
        (128, 1700, 10_000, 64),
        (128, 1_000_000, 200, 32),
        (12, 1055, 1000, 4),
        (7, 1060, 1000, 1),
    ];
    for (batch, budget, buffer, wanted) in rows {
        let found = estimate.micro_batch(batch, budget, buffer).expect("one");
        assert_eq!(found, wanted, "{batch} in {budget}, {buffer}");
    }
    assert_refused(estimate.micro_batch(8, 1009, 1000), &["memory", "micro-batches of 1"]);
    assert_refused(estimate.micro_batch(8, 2000, 3), &["one buffer", "micro-batches of 1"]);
}
