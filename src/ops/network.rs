//! A network on the GPU: a graph's recording turned into a plan, for one batch size.

use super::recording::{Given, Recording};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Plan};
use crate::graph::{Graph, Parameters, Tensor, share_storage};

/// A network with its parameters on the GPU, recorded for a batch size.
pub struct Network {
    /// The dispatches of one evaluation.
    pub plan: Plan,
    /// x_t: `[batch, pixels, quads]` vec4.
    pub x: Buffer,
    /// t of each sample: `[batch]` u32.
    pub timesteps: Buffer,
    /// Label of each sample: `[batch]` u32, if the network has classes.
    pub labels: Option<Buffer>,
    /// The output: `[batch, pixels, quads]` vec4.
    pub output: Buffer,
    input_tensor: Tensor,
    output_tensor: Tensor,
    num_classes: Option<u32>,
    batch: u32,
}

impl Network {
    /// Records `graph` for `batch` samples; all buffers, pipelines and bind groups are made here.
    ///
    /// # Errors
    /// If a parameter is missing or misshapen, or the adapter's limits are too small for the batch.
    pub fn new(gpu: &GpuContext, graph: &Graph, parameters: &dyn Parameters, batch: u32) -> Result<Self> {
        let weights = Given(parameters);
        let mut recording = Recording::new(gpu, graph, &weights, share_storage(graph), batch)?;
        for op in &graph.ops {
            recording.record(op)?;
        }
        let (x, output) = (recording.activation(graph.input()), recording.activation(graph.output()));
        Ok(Self {
            x,
            output,
            timesteps: recording.timesteps.clone(),
            labels: recording.labels.clone(),
            plan: recording.rec.finish(),
            input_tensor: graph.tensor(graph.input()).clone(),
            output_tensor: graph.tensor(graph.output()).clone(),
            num_classes: graph.num_classes,
            batch,
        })
    }

    /// Samples in the batch.
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// x_t's shape.
    pub fn input_tensor(&self) -> &Tensor {
        &self.input_tensor
    }

    /// The output's shape.
    pub fn output_tensor(&self) -> &Tensor {
        &self.output_tensor
    }

    /// Sets the labels of the batch.
    ///
    /// # Errors
    /// If the network takes none, their number is not the batch's, or one is not a row of the embedding.
    pub fn write_labels(&self, gpu: &GpuContext, labels: &[u32]) -> Result<()> {
        let (Some(buffer), Some(num_classes)) = (&self.labels, self.num_classes) else {
            return Err(Error::input("labels were given, but this network has no classes"));
        };
        if labels.len() != self.batch as usize {
            return Err(Error::input(format!("expected {} labels, found {}", self.batch, labels.len())));
        }
        if let Some(label) = labels.iter().find(|&&label| label >= num_classes) {
            return Err(Error::input(format!(
                "label {label}: this network has labels 0 to {}",
                num_classes - 1
            )));
        }
        gpu.write(buffer, bytemuck::cast_slice(labels));
        Ok(())
    }

    /// One evaluation, awaited. x: `[batch, C, H, W]`; timesteps, labels: `[batch]`; returns `[batch, C', H, W]`.
    ///
    /// # Errors
    /// If a length is wrong, labels are missing or out of range, or the device is lost.
    pub async fn predict(
        &self,
        gpu: &GpuContext,
        x: &[f32],
        timesteps: &[u32],
        labels: Option<&[u32]>,
    ) -> Result<Vec<f32>> {
        let expected = (self.batch * self.input_tensor.pixels() * self.input_tensor.channels()) as usize;
        if x.len() != expected || timesteps.len() != self.batch as usize {
            return Err(Error::input(format!(
                "expected {expected} elements and {} timesteps, found {} and {}",
                self.batch,
                x.len(),
                timesteps.len()
            )));
        }
        match labels {
            Some(labels) => self.write_labels(gpu, labels)?,
            None if self.num_classes.is_some() => {
                return Err(Error::input("this network is class-conditional: labels are missing"));
            }
            None => {}
        }
        gpu.write(&self.x, bytemuck::cast_slice(&to_channels_last(&self.input_tensor, x)));
        gpu.write(&self.timesteps, bytemuck::cast_slice(timesteps));
        self.plan.submit(gpu);
        let output: Vec<f32> = gpu.read(&self.output).await?;
        gpu.check()?;
        Ok(to_channels_first(&self.output_tensor, &output))
    }
}

/// `[N, C, H, W]` → `[N, H, W, padded C]`, padding zero.
pub fn to_channels_last(tensor: &Tensor, values: &[f32]) -> Vec<f32> {
    let (pixels, channels) = (tensor.pixels() as usize, tensor.channels() as usize);
    let map = tensor.channel_map();
    let mut out = Vec::with_capacity(values.len() / channels * map.len());
    for sample in values.chunks_exact(pixels * channels) {
        for pixel in 0..pixels {
            out.extend(map.iter().map(|c| c.map_or(0.0, |c| sample[c as usize * pixels + pixel])));
        }
    }
    out
}

/// `[N, H, W, padded C]` → `[N, C, H, W]`.
pub fn to_channels_first(tensor: &Tensor, values: &[f32]) -> Vec<f32> {
    let (pixels, channels) = (tensor.pixels() as usize, tensor.channels() as usize);
    let map = tensor.channel_map();
    let samples = values.len() / (pixels * map.len());
    let mut out = vec![0.0; samples * pixels * channels];
    for (from, to) in values.chunks_exact(pixels * map.len()).zip(out.chunks_exact_mut(pixels * channels)) {
        for (pixel, row) in from.chunks_exact(map.len()).enumerate() {
            for (value, channel) in row.iter().zip(&map) {
                if let Some(channel) = channel {
                    to[*channel as usize * pixels + pixel] = *value;
                }
            }
        }
    }
    out
}
