//! A network recorded for training: the forward pass with all activations kept, and the backward pass.

use super::backward::Backward;
use super::dropout;
use super::network::{to_channels_first, to_channels_last};
use super::recording::Recording;
use super::store::ParameterStore;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Plan};
use crate::graph::{Graph, Op, Tensor, TensorId, separate_storage};

/// A network whose parameters are in a [`ParameterStore`], recorded for a batch size.
pub struct TrainingNetwork {
    /// The dispatches from x_t to the output.
    pub forward: Plan,
    /// The same without dropout, for validation.
    pub evaluation: Plan,
    /// The dispatches from the output's gradient to the parameters', which are accumulated (`+=`) in the store.
    pub backward: Plan,
    /// x_t: `[batch, pixels, quads]` vec4.
    pub x: Buffer,
    /// t of each sample: `[batch]` u32.
    pub timesteps: Buffer,
    /// Label of each sample: `[batch]` u32, if the network has classes.
    pub labels: Option<Buffer>,
    /// The output: `[batch, pixels, quads]` vec4.
    pub output: Buffer,
    /// The output's gradient, to be written between the passes; what the backward pass leaves in it has no meaning.
    pub d_output: Buffer,
    /// x_t's gradient after the backward pass, if it was asked for.
    pub d_x: Option<Buffer>,
    input_tensor: Tensor,
    output_tensor: Tensor,
    batch: u32,
}

/// What is recorded besides the two passes.
#[derive(Clone, Copy, Default)]
pub struct TrainingOptions<'a> {
    /// The seed and the first sample's number, for dropout; without it nothing is dropped.
    pub chain: Option<&'a Buffer>,
    /// Compute [`TrainingNetwork::d_x`] too.
    pub input_gradient: bool,
    /// Names of layers whose output's gradient counts as zero.
    pub stopped: &'a [String],
}

impl TrainingNetwork {
    /// Records both passes for `batch` samples.
    ///
    /// # Errors
    /// If no layer has a name of `options.stopped`, or the adapter's limits are too small for the batch.
    pub fn new(
        gpu: &GpuContext,
        graph: &Graph,
        store: &ParameterStore,
        batch: u32,
        options: &TrainingOptions<'_>,
    ) -> Result<Self> {
        let stopped =
            options.stopped.iter().map(|name| written_by(graph, name)).collect::<Result<Vec<_>>>()?;
        let mut recording = Recording::new(gpu, graph, store, separate_storage(graph), batch)?;
        record_forward(&mut recording)?;
        let evaluation = recording.rec.take();
        recording.chain = options.chain.cloned();
        recording.keeps = true;
        record_forward(&mut recording)?;
        let forward = recording.rec.take();
        let output = recording.activation(graph.output());
        let d_output = gpu.buffer("output gradient", output.bytes() / 4)?;
        let d_x = Backward::record(&mut recording, &d_output, options.input_gradient, &stopped)?;
        Ok(Self {
            forward,
            evaluation,
            backward: recording.rec.take(),
            x: recording.activation(graph.input()),
            timesteps: recording.timesteps.clone(),
            labels: recording.labels.clone(),
            output,
            d_output,
            d_x,
            input_tensor: graph.tensor(graph.input()).clone(),
            output_tensor: graph.tensor(graph.output()).clone(),
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

    /// Writes x_t, the timesteps and the labels of a batch. x: `[batch, C, H, W]`; timesteps, labels: `[batch]`.
    ///
    /// # Errors
    /// If the network has classes and there are no labels, or the other way round.
    pub fn write_inputs(
        &self,
        gpu: &GpuContext,
        x: &[f32],
        timesteps: &[u32],
        labels: Option<&[u32]>,
    ) -> Result<()> {
        gpu.write(&self.x, bytemuck::cast_slice(&to_channels_last(&self.input_tensor, x)));
        gpu.write(&self.timesteps, bytemuck::cast_slice(timesteps));
        match (&self.labels, labels) {
            (Some(buffer), Some(labels)) => gpu.write(buffer, bytemuck::cast_slice(labels)),
            (None, None) => {}
            (Some(_), None) => {
                return Err(Error::input("this network is class-conditional: labels are missing"));
            }
            (None, Some(_)) => {
                return Err(Error::input("labels were given, but this network has no classes"));
            }
        }
        Ok(())
    }

    /// The output as `[batch, C', H, W]`. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read_output(&self, gpu: &GpuContext) -> Result<Vec<f32>> {
        let values: Vec<f32> = gpu.read(&self.output).await?;
        gpu.check()?;
        Ok(to_channels_first(&self.output_tensor, &values))
    }

    /// Writes the output's gradient; d_output: `[batch, C', H, W]`.
    pub fn write_d_output(&self, gpu: &GpuContext, d_output: &[f32]) {
        gpu.write(&self.d_output, bytemuck::cast_slice(&to_channels_last(&self.output_tensor, d_output)));
    }

    /// x_t's gradient as `[batch, C, H, W]`. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If it was not asked for, or the device is lost.
    pub async fn read_d_x(&self, gpu: &GpuContext) -> Result<Vec<f32>> {
        let d_x = self.d_x.as_ref().ok_or_else(|| Error::input("the input's gradient was not recorded"))?;
        let values: Vec<f32> = gpu.read(d_x).await?;
        gpu.check()?;
        Ok(to_channels_first(&self.input_tensor, &values))
    }
}

/// Records the forward pass, with dropout where something draws it.
fn record_forward(r: &mut Recording<'_, '_>) -> Result<()> {
    for (op_ix, op) in r.graph.ops.iter().enumerate() {
        r.record(op)?;
        if let Op::GroupNorm { dropout: rate, out, .. } = op {
            let activation = r.activation(*out);
            dropout::record(r, *out, op_ix, *rate, &activation)?;
        }
    }
    Ok(())
}

/// What the layer `name` writes.
fn written_by(graph: &Graph, name: &str) -> Result<TensorId> {
    let written = graph.ops.iter().map(Op::out).find(|&out| graph.tensor(out).name == name);
    written.ok_or_else(|| {
        Error::input(format!("a layer to stop at: expected one of the network's, found {name}"))
    })
}
