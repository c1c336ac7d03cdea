//! Gradients on the GPU, by checkpoint name, for comparison with the twins' and PyTorch's.

use std::collections::BTreeMap;

use ddpm::gpu::GpuContext;
use ddpm::graph::{Graph, Parameters};
use ddpm::ops::chain::Chain;
use ddpm::ops::store::{Array, ParameterStore};
use ddpm::ops::{TrainingNetwork, TrainingOptions};

use super::gpu::block_on;
use super::reference::SAMPLE;

/// A batch, and the gradient of the network's output for it.
pub struct Batch<'a> {
    /// [N, C, H, W].
    pub x: &'a [f32],
    pub timesteps: &'a [u32],
    pub labels: Option<&'a [u32]>,
    /// [N, C', H, W].
    pub d_output: &'a [f32],
    /// Seed and first sample of dropout, if there is to be any.
    pub training: Option<(u64, u32)>,
}

/// The output [N, C', H, W], and the gradient of every parameter and, as [`SAMPLE`], of x.
pub fn gradients(
    gpu: &GpuContext,
    graph: &Graph,
    parameters: &dyn Parameters,
    batch: &Batch<'_>,
) -> (Vec<f32>, BTreeMap<String, Vec<f32>>) {
    let store = ParameterStore::new(gpu, graph, parameters, false).expect("a store");
    let chain = batch.training.map(|(seed, first_sample)| {
        gpu.buffer_with("chain", &[Chain::new(0, seed, first_sample)]).expect("a buffer")
    });
    let samples = batch.timesteps.len() as u32;
    let options = TrainingOptions { chain: chain.as_ref(), input_gradient: true, stopped: &[] };
    let network = TrainingNetwork::new(gpu, graph, &store, samples, &options).expect("a network");
    network.write_inputs(gpu, batch.x, batch.timesteps, batch.labels).expect("inputs");
    network.forward.submit(gpu);
    let output = block_on(network.read_output(gpu)).expect("an output");
    network.write_d_output(gpu, batch.d_output);
    network.backward.submit(gpu);
    let mut found: BTreeMap<String, Vec<f32>> =
        block_on(store.read(gpu, graph, Array::Gradients)).expect("gradients").into_iter().collect();
    if network.d_x.is_some() {
        found.insert(SAMPLE.to_owned(), block_on(network.read_d_x(gpu)).expect("x's gradient"));
    }
    (output, found)
}
