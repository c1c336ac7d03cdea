//! Our layer on the device.

use ddpm::checkpoint::Weights;
use ddpm::error::Result;
use ddpm::gpu::GpuContext;
use ddpm::graph::Graph;
use ddpm::ops::store::{Array, ParameterStore};
use ddpm::ops::{Network, TrainingNetwork, TrainingOptions};

pub struct Ours {
    gpu: GpuContext,
    graph: Graph,
    network: Network,
    store: ParameterStore,
    training: TrainingNetwork,
}

impl Ours {
    /// Recorded for `batch` inputs `x`, and gradients `d_out` of what comes out, both `[batch, C, H, W]`.
    pub fn new(
        gpu: &GpuContext,
        graph: Graph,
        weights: &Weights,
        batch: u32,
        [x, d_out]: [&[f32]; 2],
    ) -> Result<Self> {
        let network = Network::new(gpu, &graph, weights, batch)?;
        let store = ParameterStore::new(gpu, &graph, weights, false)?;
        let options = TrainingOptions { input_gradient: true, ..TrainingOptions::default() };
        let training = TrainingNetwork::new(gpu, &graph, &store, batch, &options)?;
        let timesteps = vec![0; batch as usize];
        pollster::block_on(network.predict(gpu, x, &timesteps, None))?;
        training.write_inputs(gpu, x, &timesteps, None)?;
        training.write_d_output(gpu, d_out);
        Ok(Self { gpu: gpu.clone(), graph, network, store, training })
    }

    pub fn forward(&self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.network.plan.submit(&self.gpu);
        }
        self.gpu.wait();
        self.gpu.check()
    }

    pub fn forward_and_backward(&self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.training.forward.submit(&self.gpu);
            self.training.backward.submit(&self.gpu);
        }
        self.gpu.wait();
        self.gpu.check()
    }

    /// The output, and the gradients of the input and of the last weights, of the first call of
    /// [`Self::forward_and_backward`], which this is.
    pub fn answers(&self) -> Result<[Vec<f32>; 3]> {
        self.forward_and_backward(1)?;
        let output = pollster::block_on(self.training.read_output(&self.gpu))?;
        let d_x = pollster::block_on(self.training.read_d_x(&self.gpu))?;
        let gradients = pollster::block_on(self.store.read(&self.gpu, &self.graph, Array::Gradients))?;
        let last = gradients.into_iter().find(|(name, _)| name == "last.weight").map(|(_, values)| values);
        Ok([output, d_x, last.unwrap_or_default()])
    }
}
