//! A network on the GPU: a graph's recording turned into a plan, for one batch size.

use super::{attention, class_embedding, conv2d, group_norm, linear, timestep_embedding};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Plan, Recorder, TEXEL_ROW, Texels};
use crate::graph::{Graph, Op, Parameters, Storage, Tensor, TensorId, share_storage};

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
        let mut recording = Recording::new(gpu, graph, parameters, batch)?;
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

/// The state of turning a graph into a plan.
pub(super) struct Recording<'a, 'g> {
    pub(super) rec: Recorder<'a>,
    pub(super) graph: &'g Graph,
    pub(super) parameters: &'g dyn Parameters,
    pub(super) batch: u32,
    pub(super) timesteps: Buffer,
    pub(super) labels: Option<Buffer>,
    storage: Storage,
    buffers: Vec<Buffer>,
    scratch: Scratch,
}

/// Memory that ops use while they run and leave to the next; grown by [`Recording::new`] before recording.
struct Scratch {
    partials: Option<Buffer>,
    scores: Option<Buffer>,
    x_texels: Option<Texels>,
    weight_texels: Option<Texels>,
    x_texel_rows: u32,
}

impl<'a, 'g> Recording<'a, 'g> {
    fn new(
        gpu: &'a GpuContext,
        graph: &'g Graph,
        parameters: &'g dyn Parameters,
        batch: u32,
    ) -> Result<Self> {
        if batch == 0 {
            return Err(Error::input("a batch of 0 pictures"));
        }
        let storage = share_storage(graph);
        let mut buffers = Vec::with_capacity(storage.quads.len());
        for (ix, quads) in storage.quads.iter().enumerate() {
            buffers.push(gpu.buffer(&format!("activations {ix}"), quads * u64::from(batch) * 4)?);
        }
        let x_texel_rows = buffers.iter().map(Buffer::texel_rows).max().unwrap_or(0);
        let timesteps = gpu.buffer("timesteps", u64::from(batch))?;
        let labels = match graph.num_classes {
            Some(_) => Some(gpu.buffer("labels", u64::from(batch))?),
            None => None,
        };
        let scratch =
            Scratch { partials: None, scores: None, x_texels: None, weight_texels: None, x_texel_rows };
        let rec = Recorder::new(gpu);
        Ok(Self { rec, graph, parameters, batch, timesteps, labels, storage, buffers, scratch })
    }

    fn record(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::TimestepEmbedding { flip_sin_to_cos, freq_shift, out } => {
                timestep_embedding::record(self, *flip_sin_to_cos, *freq_shift, *out)
            }
            Op::ClassEmbedding { x, table, out } => class_embedding::record(self, *x, *table, *out),
            Op::Linear { x, silu, layers, out } => linear::record(self, *x, *silu, layers, *out),
            Op::Conv2d(conv) => conv2d::record(self, conv),
            Op::GroupNorm { x, layer, groups, eps, scale_shift, silu, out, .. } => {
                let settings = group_norm::Settings {
                    layer: *layer,
                    groups: *groups,
                    eps: *eps,
                    scale_shift: *scale_shift,
                    silu: *silu,
                };
                group_norm::record(self, x, &settings, *out)
            }
            Op::Attention { qkv, heads, head_dim, out } => {
                let tokens = self.graph.tensor(*qkv).pixels();
                let sizes =
                    attention::Sizes { samples: self.batch, tokens, heads: *heads, head_dim: *head_dim };
                let scores = self.scores(sizes.scores_words())?;
                attention::record(self, &sizes, *qkv, &scores, *out)
            }
        }
    }

    /// Where a tensor lives.
    pub(super) fn activation(&self, id: TensorId) -> Buffer {
        self.buffers[self.storage.of_tensor[id.0]].clone()
    }

    /// Copies `buffer` into the texture that the next dispatch reads its input from.
    pub(super) fn texels_of(&mut self, buffer: &Buffer) -> Result<Texels> {
        let texels = match &self.scratch.x_texels {
            Some(texels) => texels.clone(),
            None => {
                let texels = self.rec.gpu.texels("activations as texels", self.scratch.x_texel_rows)?;
                self.scratch.x_texels.insert(texels).clone()
            }
        };
        self.rec.copy_to_texels(buffer, &texels);
        Ok(texels)
    }

    /// The texture that attention's weights are copied into, large enough for `scores`.
    pub(super) fn weight_texels(&mut self, scores: &Buffer) -> Result<Texels> {
        let rows = scores.texel_rows();
        let texels = match self.scratch.weight_texels.take() {
            Some(texels) if texels.rows() >= rows => texels,
            _ => self.rec.gpu.texels("attention weights as texels", rows)?,
        };
        self.scratch.weight_texels = Some(texels.clone());
        Ok(texels)
    }

    /// Scratch for GroupNorm's partial moments, of at least `words` words.
    pub(super) fn partials(&mut self, words: u64) -> Result<Buffer> {
        scratch_buffer(self.rec.gpu, &mut self.scratch.partials, "group_norm partials", words)
    }

    /// Scratch for attention's scores, of at least `words` words.
    pub(super) fn scores(&mut self, words: u64) -> Result<Buffer> {
        scratch_buffer(self.rec.gpu, &mut self.scratch.scores, "attention scores", words)
    }
}

/// The buffer in `slot`, replaced by a larger one if it is too small; earlier users keep theirs.
fn scratch_buffer(gpu: &GpuContext, slot: &mut Option<Buffer>, label: &str, words: u64) -> Result<Buffer> {
    let padded = words.next_multiple_of(u64::from(TEXEL_ROW) * 4);
    match slot {
        Some(buffer) if buffer.bytes() >= words * 4 => Ok(buffer.clone()),
        _ => Ok(slot.insert(gpu.buffer(label, padded)?).clone()),
    }
}
