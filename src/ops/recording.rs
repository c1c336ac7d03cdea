//! The state of turning a graph into a plan: where its tensors and parameters live, and the scratch that ops share.

use super::block::Block;
use super::{attention, class_embedding, conv2d, group_norm, linear, timestep_embedding};
use crate::error::{Error, Result};
use crate::gpu::{Arg, Buffer, GpuContext, Recorder, TEXEL_ROW, Texels, Tile};
use crate::graph::{Graph, Op, Parameters, Storage, TensorId};

/// Where the parameters are: with the caller, or on the GPU where training changes them.
pub(super) trait Weights {
    /// A block for kernels that read buffers.
    fn buffer(&self, gpu: &GpuContext, graph: &Graph, block: &Block) -> Result<Buffer>;

    /// A block for kernels that read texels, or the buffer to be copied to texels before each use.
    fn texels(&self, gpu: &GpuContext, graph: &Graph, block: &Block) -> Result<TexelWeights>;

    /// A block's values, unless training changes them.
    fn fixed_values(&self, graph: &Graph, block: &Block) -> Result<Option<Vec<f32>>>;

    /// Where a block's gradient is accumulated, if it is trained.
    fn gradients(&self, block: &Block) -> Option<Buffer>;
}

/// What [`Weights::texels`] gives.
pub(super) enum TexelWeights {
    Texels(Texels),
    ToCopy(Buffer),
}

/// Parameters with the caller: each layer uploads its own, once.
pub(super) struct Given<'g>(pub(super) &'g dyn Parameters);

impl Weights for Given<'_> {
    fn buffer(&self, gpu: &GpuContext, graph: &Graph, block: &Block) -> Result<Buffer> {
        gpu.buffer_with(&block.label, &block.pack(graph, self.0)?)
    }

    fn texels(&self, gpu: &GpuContext, graph: &Graph, block: &Block) -> Result<TexelWeights> {
        gpu.texels_with(&block.label, block.pack(graph, self.0)?).map(TexelWeights::Texels)
    }

    fn fixed_values(&self, graph: &Graph, block: &Block) -> Result<Option<Vec<f32>>> {
        block.pack(graph, self.0).map(Some)
    }

    fn gradients(&self, _: &Block) -> Option<Buffer> {
        None
    }
}

pub(super) struct Recording<'a, 'g> {
    pub(super) rec: Recorder<'a>,
    pub(super) graph: &'g Graph,
    pub(super) batch: u32,
    pub(super) timesteps: Buffer,
    pub(super) labels: Option<Buffer>,
    /// The seed and the first sample of the batch, where dropout is drawn: in training.
    pub(super) chain: Option<Buffer>,
    /// Whether operations keep what their backward needs of their forward.
    pub(super) keeps: bool,
    /// That, besides tensors, by the tensor that the operation writes.
    kept: Vec<Option<Buffer>>,
    weights: &'g dyn Weights,
    storage: Storage,
    buffers: Vec<Buffer>,
    scratch: Scratch,
}

/// Memory that ops use while they run and leave to the next.
#[derive(Default)]
struct Scratch {
    partials: Option<Buffer>,
    scores: Option<Buffer>,
    transposed: Option<Buffer>,
    transformed: Option<Buffer>,
    planes: [Option<Buffer>; 2],
    texels: [Option<Texels>; 3],
}

/// Textures that ops copy operands into on CPU adapters, one purpose each so that one dispatch may read several.
#[derive(Clone, Copy)]
pub(super) enum TexelScratch {
    /// An operation's input, or a step's.
    Input,
    /// Attention's weights, or a layer's.
    Weights,
    /// The gradient of an operation's output.
    OutputGradient,
}

/// A tensor where this adapter's kernels for convolutions read it.
pub(super) enum Operand {
    Buffer(Buffer),
    Texels(Texels),
    /// Weights, in f16.
    #[cfg(feature = "tuning")]
    Halves(Buffer),
}

impl<'a> From<&'a Operand> for Arg<'a> {
    fn from(operand: &'a Operand) -> Self {
        match operand {
            Operand::Buffer(buffer) => buffer.into(),
            #[cfg(feature = "tuning")]
            Operand::Halves(buffer) => buffer.into(),
            Operand::Texels(texels) => texels.into(),
        }
    }
}

impl<'a, 'g> Recording<'a, 'g> {
    pub(super) fn new(
        gpu: &'a GpuContext,
        graph: &'g Graph,
        weights: &'g dyn Weights,
        storage: Storage,
        batch: u32,
    ) -> Result<Self> {
        if batch == 0 {
            return Err(Error::input("a batch of 0 pictures"));
        }
        let mut buffers = Vec::with_capacity(storage.quads.len());
        for (ix, quads) in storage.quads.iter().enumerate() {
            buffers.push(gpu.buffer(&format!("activations {ix}"), quads * u64::from(batch) * 4)?);
        }
        let timesteps = gpu.buffer("timesteps", u64::from(batch))?;
        let labels = match graph.num_classes {
            Some(_) => Some(gpu.buffer("labels", u64::from(batch))?),
            None => None,
        };
        let (rec, kept, scratch) = (Recorder::new(gpu), vec![None; graph.tensors.len()], Scratch::default());
        Ok(Self {
            rec,
            graph,
            batch,
            timesteps,
            labels,
            chain: None,
            keeps: false,
            kept,
            weights,
            storage,
            buffers,
            scratch,
        })
    }

    /// Records one operation of the forward pass.
    pub(super) fn record(&mut self, op: &Op) -> Result<()> {
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
                let sizes = self.attention_sizes(*qkv, *heads, *head_dim);
                let scores = match self.keeps {
                    true => self.rec.gpu.buffer("attention weights", sizes.scores_words())?,
                    false => self.scores(sizes.scores_words())?,
                };
                self.keep(*out, &scores);
                attention::record(self, &sizes, *qkv, &scores, *out)
            }
        }
    }

    pub(super) fn attention_sizes(&self, qkv: TensorId, heads: u32, head_dim: u32) -> attention::Sizes {
        attention::Sizes { samples: self.batch, tokens: self.graph.tensor(qkv).pixels(), heads, head_dim }
    }

    /// Where a tensor lives.
    pub(super) fn activation(&self, id: TensorId) -> Buffer {
        self.buffers[self.storage.of_tensor[id.0]].clone()
    }

    /// Where a block of parameters is, for kernels that read buffers.
    pub(super) fn block(&self, block: &Block) -> Result<Buffer> {
        self.weights.buffer(self.rec.gpu, self.graph, block)
    }

    /// Where a block of parameters is, for kernels that read texels.
    pub(super) fn block_texels(&mut self, block: &Block) -> Result<Texels> {
        match self.weights.texels(self.rec.gpu, self.graph, block)? {
            TexelWeights::Texels(texels) => Ok(texels),
            TexelWeights::ToCopy(buffer) => self.copied(&buffer, TexelScratch::Weights),
        }
    }

    /// Where a block of parameters is as f16, if it can be.
    #[cfg(feature = "tuning")]
    pub(super) fn block_halves(&self, block: &Block) -> Result<Option<Buffer>> {
        let halves = self.fixed_values(block)?.and_then(|values| conv2d::halves(&values));
        halves.map(|halves| self.rec.gpu.buffer_with(&block.label, &halves)).transpose()
    }

    /// Where the gradient of a block of parameters is accumulated.
    ///
    /// # Panics
    /// If the network is not recorded for training.
    pub(super) fn block_gradient(&self, block: &Block) -> Buffer {
        self.weights.gradients(block).expect("backward is recorded for parameters that are trained")
    }

    /// Keeps `buffer` for the backward pass of the operation that writes `out`.
    pub(super) fn keep(&mut self, out: TensorId, buffer: &Buffer) {
        if self.keeps {
            self.kept[out.0] = Some(buffer.clone());
        }
    }

    /// What [`Self::keep`] kept.
    pub(super) fn kept(&self, out: TensorId) -> Buffer {
        self.kept[out.0].clone().expect("kept by the forward pass")
    }

    /// Copies `buffer` into the texture that the next dispatch reads its input from.
    pub(super) fn texels_of(&mut self, buffer: &Buffer) -> Result<Texels> {
        self.copied(buffer, TexelScratch::Input)
    }

    /// `buffer`, or on CPU adapters the scratch texture for `purpose` that it is copied into.
    pub(super) fn operand(&mut self, buffer: &Buffer, purpose: TexelScratch) -> Result<Operand> {
        match self.rec.gpu.tile() {
            Tile::Registers => self.copied(buffer, purpose).map(Operand::Texels),
            _ => Ok(Operand::Buffer(buffer.clone())),
        }
    }

    /// Copies `buffer` into the scratch texture for `purpose`.
    pub(super) fn copied(&mut self, buffer: &Buffer, purpose: TexelScratch) -> Result<Texels> {
        let texels = self.texel_scratch(purpose, buffer)?;
        self.rec.copy_to_texels(buffer, &texels);
        Ok(texels)
    }

    /// The texture that attention's weights are copied into, large enough for `scores`.
    pub(super) fn weight_texels(&mut self, scores: &Buffer) -> Result<Texels> {
        self.texel_scratch(TexelScratch::Weights, scores)
    }

    /// The scratch texture for `purpose`, large enough for `buffer`; earlier users of a smaller one keep theirs.
    pub(super) fn texel_scratch(&mut self, purpose: TexelScratch, buffer: &Buffer) -> Result<Texels> {
        let gpu = self.rec.gpu;
        let (slot, label) = match purpose {
            TexelScratch::Input => (0, "input as texels"),
            TexelScratch::Weights => (1, "weights as texels"),
            TexelScratch::OutputGradient => (2, "output gradient as texels"),
        };
        let activations = || self.buffers.iter().map(Buffer::texel_rows).max().unwrap_or(0);
        let planes =
            || conv2d::scratch_words(gpu, self.graph, self.batch)[0].div_ceil(u64::from(TEXEL_ROW) * 4);
        let largest = match purpose {
            TexelScratch::Input => activations().max(planes() as u32),
            TexelScratch::OutputGradient => activations(),
            TexelScratch::Weights => 0,
        };
        let rows = buffer.texel_rows().max(largest);
        match &self.scratch.texels[slot] {
            Some(texels) if texels.rows() >= rows => Ok(texels.clone()),
            _ => Ok(self.scratch.texels[slot].insert(gpu.texels(label, rows)?).clone()),
        }
    }

    /// Scratch for partial sums, of at least `words` words.
    pub(super) fn partials(&mut self, words: u64) -> Result<Buffer> {
        scratch_buffer(self.rec.gpu, &mut self.scratch.partials, "partial sums", words)
    }

    /// Scratch for attention's scores, of at least `words` words.
    pub(super) fn scores(&mut self, words: u64) -> Result<Buffer> {
        scratch_buffer(self.rec.gpu, &mut self.scratch.scores, "attention scores", words)
    }

    /// Scratch for a layer's transformed weights, of `words` words.
    pub(super) fn transformed(&mut self, words: u64) -> Result<Buffer> {
        let [_, largest] = conv2d::scratch_words(self.rec.gpu, self.graph, self.batch);
        let slot = &mut self.scratch.transformed;
        Ok(scratch_buffer(self.rec.gpu, slot, "transformed weights", largest.max(words))?.slice(0, words))
    }

    /// Scratch for what lies between the steps of Winograd's algorithm, of `words` words: what the products read and what
    /// they write, which is the same memory where they read texels.
    pub(super) fn planes(&mut self, words: u64) -> Result<[Buffer; 2]> {
        let gpu = self.rec.gpu;
        let largest = conv2d::scratch_words(gpu, self.graph, self.batch)[0].max(words);
        let [inputs, products] = &mut self.scratch.planes;
        let inputs = scratch_buffer(gpu, inputs, "planes", largest)?.slice(0, words);
        let products = match gpu.tile() {
            Tile::Registers => inputs.clone(),
            _ => scratch_buffer(gpu, products, "planes of products", largest)?.slice(0, words),
        };
        Ok([inputs, products])
    }

    /// A block's values, unless training changes them.
    pub(super) fn fixed_values(&self, block: &Block) -> Result<Option<Vec<f32>>> {
        self.weights.fixed_values(self.graph, block)
    }

    /// Scratch for a layer's transposed weights, of at least `words` words.
    pub(super) fn transposed(&mut self, words: u64) -> Result<Buffer> {
        scratch_buffer(self.rec.gpu, &mut self.scratch.transposed, "transposed weights", words)
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
