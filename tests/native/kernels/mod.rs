//! Every kernel, forward and backward, against its twin, on awkward shapes and in every tiling: relative L2 ≤ 1e-5,
//! bit-identical twice.

mod attention;
mod attention_backward;
pub mod builder;
mod class_embedding;
mod conv2d;
mod conv2d_half;
mod conv2d_methods;
mod dropout;
mod group_norm;
mod linear;
mod matmul;
mod mixed;
mod operand;
mod softmax;
mod threads;
mod timestep_embedding;
pub mod training_loss;

use std::fmt::Debug;

use ddpm::gpu::GpuContext;
use ddpm::graph::{Graph, Tensor};
use ddpm::ops::Network;

use super::compare::{assert_fails, assert_gradients_close, assert_relative_l2};
use super::gpu::{block_on, gpu, tilings};
use super::gradients::{Batch, gradients};
use super::reference::Twin;
use super::reference::random::{RandomParameters, normals};
use builder::Builder;

const TOLERANCE: f64 = 1e-5;

/// A small network whose last operation is under test, and what it is fed.
struct Case {
    name: String,
    graph: Graph,
    parameters: RandomParameters,
    /// [N, C, H, W].
    x: Vec<f32>,
    timesteps: Vec<u32>,
    labels: Option<Vec<u32>>,
    /// Seed and first sample of dropout in the backward pass.
    training: Option<(u64, u32)>,
    /// Whether convolutions are computed in mixed precision.
    mixed: bool,
}

impl Case {
    /// Random parameters, inputs of N(0, 1), and timesteps and labels of all sorts.
    fn new(name: String, graph: Graph, batch: u32) -> Self {
        Self::with_x(name, graph, batch, 0.0, 1.0)
    }

    /// Inputs of N(mean, deviation²).
    fn with_x(name: String, graph: Graph, batch: u32, mean: f64, deviation: f64) -> Self {
        let input = graph.tensor(graph.input());
        let x = normals(1, (batch * input.pixels() * input.channels()) as usize, mean, deviation);
        let timesteps = (0..batch).map(|n| [37, 0, 999, 500, 1][n as usize % 5]).collect();
        let labels = graph.num_classes.map(|classes| (0..batch).map(|n| (2 * n + 1) % classes).collect());
        Self {
            name,
            parameters: RandomParameters::new(&graph, 2),
            graph,
            x,
            timesteps,
            labels,
            training: None,
            mixed: false,
        }
    }

    /// Runs the network in every tiling and compares each with the twin.
    fn check(&self) {
        self.check_in(tilings());
    }

    fn check_in<'a>(&self, tilings: impl IntoIterator<Item = (impl Debug, &'a GpuContext)>) {
        let want = self.twin().predict(&self.x, &self.timesteps, self.labels.as_deref());
        for (tile, gpu) in tilings {
            let name = format!("{}, {tile:?}", self.name);
            let found = self.run(gpu, &name);
            assert_relative_l2(&name, &found, &want, TOLERANCE);
            self.check_gradients(gpu, &name);
        }
    }

    /// The network in f64, or with operands rounded; not in training.
    fn twin(&self) -> Twin<'_> {
        let twin = Twin::new(&self.graph, &self.parameters);
        match self.mixed {
            true => twin.mixed(self.outputs().next_power_of_two() as f64),
            false => twin,
        }
    }

    /// Elements of the network's output, of all samples.
    fn outputs(&self) -> usize {
        let output = self.graph.tensor(self.graph.output());
        self.timesteps.len() * (output.pixels() * output.channels()) as usize
    }

    /// Compares the gradients of everything with the twin's, for a random gradient of the output; in mixed precision for one as
    /// small as a mean's.
    fn check_gradients(&self, gpu: &GpuContext, name: &str) {
        let deviation = if self.mixed { 1.0 / self.outputs() as f64 } else { 1.0 };
        let d_output = normals(3, self.outputs(), 0.0, deviation);
        let (x, timesteps, labels) = (&self.x[..], &self.timesteps[..], self.labels.as_deref());
        let batch = Batch { x, timesteps, labels, d_output: &d_output, training: self.training };
        let (_, found) = gradients(gpu, &self.graph, &self.parameters, &batch);
        let d_output: Vec<f64> = d_output.iter().map(|&d| d.into()).collect();
        let mut twin = self.twin();
        if let Some((seed, first_sample)) = self.training {
            twin = twin.training(seed, first_sample);
        }
        let mut want = twin.gradients(x, timesteps, labels, &d_output).by_name();
        want.retain(|tensor, _| found.contains_key(tensor));
        if want.is_empty() {
            // A network of sinusoids alone.
            return;
        }
        assert_gradients_close(name, &found, &want, TOLERANCE);
        let (_, again) = gradients(gpu, &self.graph, &self.parameters, &batch);
        for (tensor, gradient) in &found {
            assert_same_bits(&format!("{name}, {tensor}"), &again[tensor], gradient);
        }
    }

    /// The network's output, having seen that its padding is zero and that it comes out the same again.
    fn run(&self, gpu: &GpuContext, name: &str) -> Vec<f32> {
        let batch = self.timesteps.len() as u32;
        let network = Network::new(gpu, &self.graph, &self.parameters, batch).expect(name);
        let predict = |x: &[f32]| {
            block_on(network.predict(gpu, x, &self.timesteps, self.labels.as_deref())).expect(name)
        };
        // Whatever was there before: every operation writes its output whole.
        gpu.write(&network.output, &vec![0xff; network.output.bytes() as usize]);
        let found = predict(&self.x);
        let memory: Vec<f32> = block_on(gpu.read(&network.output)).expect(name);
        assert_padding_is_zero(name, self.graph.tensor(self.graph.output()), &memory);
        let others: Vec<f32> = self.x.iter().map(|x| 3.0 - 2.0 * x).collect();
        predict(&others);
        assert_same_bits(name, &predict(&self.x), &found);
        found
    }
}

/// Asserts that what fills a tensor's segments up to multiples of four is zero; memory: [N, pixels, padded channels].
fn assert_padding_is_zero(name: &str, tensor: &Tensor, memory: &[f32]) {
    let map = tensor.channel_map();
    let padding = memory.chunks_exact(map.len()).flat_map(|pixel| pixel.iter().zip(&map));
    let spoilt = padding.filter(|(_, channel)| channel.is_none()).find(|(value, _)| **value != 0.0);
    assert!(spoilt.is_none(), "{name}: {} in the padding", spoilt.expect("just seen").0);
}

fn assert_same_bits(name: &str, again: &[f32], first: &[f32]) {
    let same = again.iter().map(|value| value.to_bits()).eq(first.iter().map(|value| value.to_bits()));
    assert!(same, "{name}: the second run differs from the first");
}

#[test]
fn wrong_kernels_are_seen() {
    let mut b = Builder::new([3, 5], 6);
    let x = b.x();
    let out = b.pointwise(x, &[3]);
    let case = Case::new("1 × 1".to_owned(), b.finish(out), 2);
    case.check();

    let other =
        Case { parameters: RandomParameters::new(&case.graph, 2).scaled("layer0.weight", 1.0001), ..case };
    let want = Twin::new(&other.graph, &RandomParameters::new(&other.graph, 2)).predict(
        &other.x,
        &other.timesteps,
        None,
    );
    let found = other.run(gpu(), &other.name);
    assert_fails("weights a ten-thousandth off", || assert_relative_l2("spoilt", &found, &want, TOLERANCE));

    let tensor = Tensor { name: "padded".to_owned(), height: 1, width: 1, segments: vec![3, 1] };
    assert_padding_is_zero("padding", &tensor, &[1.0, 2.0, 3.0, 0.0, 4.0, 0.0, 0.0, 0.0]);
    for spoilt in [3, 5, 7] {
        for value in [1e-30, f32::NAN] {
            let mut memory = [1.0, 2.0, 3.0, 0.0, 4.0, 0.0, 0.0, 0.0];
            memory[spoilt] = value;
            assert_fails("padding", || assert_padding_is_zero("spoilt", &tensor, &memory));
        }
    }
    assert_same_bits("bits", &[1.0, f32::NAN], &[1.0, f32::NAN]);
    assert_fails("0 and -0", || assert_same_bits("spoilt", &[0.0], &[-0.0]));
    assert_fails("one bit", || assert_same_bits("spoilt", &[1.0 + f32::EPSILON], &[1.0]));
}
