//! Whole U-Nets: the twins against diffusers' outputs, the GPU against both.

mod configurations;
mod gradients;
mod training;

use std::borrow::Cow;

use ddpm::checkpoint::{Checkpoint, folder};
use ddpm::error::Result;
use ddpm::gpu::GpuContext;
use ddpm::graph::{Graph, Parameters, unet};
use ddpm::ops::Network;

use super::compare::{assert_fails, assert_max_abs};
use super::fixtures::{Fixture, Tensor, path};
use super::gpu::{block_on, cpu, levels, methods};
use super::reference::Twin;

/// max |Δ| of a whole network in f32.
const TOLERANCE: f64 = 1e-4;

/// A U-Net of tests/fixtures/unet, an input and diffusers' output for it.
struct Golden {
    name: &'static str,
    graph: Graph,
    checkpoint: Checkpoint,
    x: Tensor<f32>,
    timesteps: Vec<u32>,
    labels: Option<Vec<u32>>,
    output: Tensor<f32>,
}

impl Golden {
    /// The weights in one folder, the input and the output in another.
    fn load(name: &'static str, io: &str) -> Self {
        let checkpoint = folder::load(path(&format!("unet/{name}"))).expect(name);
        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect(name);
        let io = Fixture::load(&format!("unet/{io}/io.safetensors"));
        let words = |name: &str| -> Vec<u32> {
            io.i64(name).data.iter().map(|&word| u32::try_from(word).expect("32 bits")).collect()
        };
        let labels = graph.num_classes.map(|_| words("class_labels"));
        let (x, timesteps, output) = (io.f32("sample"), words("timestep"), io.f32("output"));
        Self { name, graph, checkpoint, x, timesteps, labels, output }
    }

    fn all() -> [Self; 4] {
        [
            ("cifar32", "cifar32"),
            ("cifar32_legacy_keys", "cifar32"),
            ("classes16", "classes16"),
            ("grey28", "grey28"),
        ]
        .map(|(name, io)| Self::load(name, io))
    }
}

impl Parameters for Golden {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        self.checkpoint.weights.get(name)
    }
}

/// diffusers computes the angles of its timestep embedding in f32 even in an f64 network: 3e-6 at t = 500.
#[test]
fn the_twins_follow_diffusers() {
    for golden in Golden::all() {
        let twin = Twin::new(&golden.graph, &golden);
        let found = twin.predict(&golden.x.data, &golden.timesteps, golden.labels.as_deref());
        assert_max_abs(golden.name, &found, &golden.output.data, 1e-5);
        let mut spoilt = found;
        spoilt[7] += 1e-4;
        assert_fails(golden.name, || assert_max_abs("spoilt", &spoilt, &golden.output.data, 1e-5));
    }
}

#[test]
fn the_gpu_follows_diffusers_in_every_tiling() {
    for golden in Golden::all() {
        // Once is enough for the same weights under other names.
        if golden.name == "cifar32_legacy_keys" {
            check(&golden, cpu(), golden.name);
            continue;
        }
        for (tile, gpu) in methods() {
            check(&golden, gpu, &format!("{}, {tile:?}", golden.name));
        }
    }
}

/// The vector units that this processor lacks are named where it is announced.
#[test]
fn every_vector_unit_follows_diffusers_forward_and_backward() {
    for (level, gpu) in levels() {
        assert_eq!(gpu.processor().expect("a processor").level(), level);
        for golden in Golden::all().iter().filter(|golden| golden.name != "cifar32_legacy_keys") {
            check(golden, &gpu, &format!("{}, {level:?}", golden.name));
            gradients::check_kernels(&gpu, golden.name);
        }
    }
}

fn check(golden: &Golden, gpu: &GpuContext, name: &str) {
    let network = Network::new(gpu, &golden.graph, golden, golden.timesteps.len() as u32).expect(name);
    let found = network.predict(gpu, &golden.x.data, &golden.timesteps, golden.labels.as_deref());
    let mut found = block_on(found).expect(name);
    assert_max_abs(name, &found, &golden.output.data, TOLERANCE);
    found[7] += 1e-3;
    assert_fails(name, || assert_max_abs("spoilt", &found, &golden.output.data, TOLERANCE));
}
