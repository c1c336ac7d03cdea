//! What a network is, with no GPU in it: a recording of operations with shapes and names.
//!
//! [`unet::describe`] writes the U-Net down once as a [`Graph`]. Whoever executes it (the GPU plan of `ops/`, the
//! f64 twins of the tests) walks [`Graph::ops`] in order, or in reverse for the gradients. Shapes are per sample:
//! the batch size belongs to the execution.
//!
//! Every tensor is channels-last, `[height · width, channels]`. Its channels come in *segments* (the sources of a
//! concatenation, the heads of attention, the rows of a stacked linear layer); in memory each segment is padded
//! with zeros to a multiple of four, so that kernels read `vec4`s and never split one between two segments.

mod liveness;
mod parameters;
pub mod unet;

pub use liveness::{Storage, separate_storage, share_storage};
pub use parameters::Parameters;

/// Index into [`Graph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// Index into [`Graph::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// An activation: `[height · width, channels]` for each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Where it comes from; a label for buffers and errors.
    pub name: String,
    /// Rows of pixels; 1 for an embedding.
    pub height: u32,
    /// Pixels a row; 1 for an embedding.
    pub width: u32,
    /// Channels of each segment, without padding.
    pub segments: Vec<u32>,
}

impl Tensor {
    /// Channels, without padding.
    pub fn channels(&self) -> u32 {
        self.segments.iter().sum()
    }

    /// Channels as `vec4`s, each segment padded: the distance of two pixels in memory.
    pub fn quads(&self) -> u32 {
        self.segments.iter().map(|c| c.div_ceil(4)).sum()
    }

    /// `vec4`s before segment `segment_ix`.
    pub fn quads_before(&self, segment_ix: usize) -> u32 {
        self.segments[..segment_ix].iter().map(|c| c.div_ceil(4)).sum()
    }

    /// height · width.
    pub fn pixels(&self) -> u32 {
        self.height * self.width
    }

    /// For every channel in memory, padding included, its number without padding, or `None` if it is padding.
    pub fn channel_map(&self) -> Vec<Option<u32>> {
        let mut map = Vec::with_capacity(self.quads() as usize * 4);
        let mut next = 0;
        for &segment in &self.segments {
            let padded = segment.next_multiple_of(4);
            map.extend((0..padded).map(|c| (c < segment).then_some(next + c)));
            next += segment;
        }
        map
    }
}

/// One segment of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The tensor.
    pub tensor: TensorId,
    /// Which of its segments.
    pub segment_ix: usize,
}

/// A parameter under its checkpoint name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its only name: in checkpoints, GPU labels, gradients and errors.
    pub name: String,
    /// As in the checkpoint: `[out, in, kh, kw]`, `[out, in]` or `[n]`.
    pub shape: Vec<usize>,
}

/// A weight and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// `[out, in, kh, kw]`, `[out, in]` or (a norm's) `[channels]`.
    pub weight: ParamId,
    /// `[out]`.
    pub bias: ParamId,
}

/// Adds and multiplies of one convolution, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// One tensor, or two whose channels are concatenated.
    pub x: Vec<TensorId>,
    /// One layer, or several over the same input whose outputs are stacked (to_q, to_k, to_v).
    pub layers: Vec<Affine>,
    /// 3 or 1.
    pub kernel: u32,
    /// 1 or 2.
    pub stride: u32,
    /// Zeros above and to the left; below and to the right as many as the output needs.
    pub padding: u32,
    /// Read the input as if each pixel were 2 × 2 (nearest-neighbour upsampling).
    pub upsample: bool,
    /// `[out]` a sample, added to every pixel (the time embedding).
    pub add_embedding: Option<Segment>,
    /// Added to the result, shape of `out`.
    pub residual: Option<TensorId>,
    /// `[out_height · out_width, out]`.
    pub out: TensorId,
}

/// An operation of the network. All write `out` whole (`=`).
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The sinusoidal embedding of each sample's t; diffusers' `get_timestep_embedding`.
    TimestepEmbedding {
        /// Cosines first.
        flip_sin_to_cos: bool,
        /// Frequencies are 10000^(−i / (half − freq_shift)).
        freq_shift: f64,
        /// `[dim]`.
        out: TensorId,
    },
    /// out = x + table\[label\].
    ClassEmbedding {
        /// `[dim]`.
        x: TensorId,
        /// `[labels, dim]`.
        table: ParamId,
        /// `[dim]`.
        out: TensorId,
    },
    /// out = W · x + b or W · silu(x) + b on embeddings, one or more layers stacked: segments of `out` follow
    /// each other through the rows of the layers.
    Linear {
        /// `[in]`.
        x: TensorId,
        /// Apply SiLU to x first.
        silu: bool,
        /// Stacked along the outputs.
        layers: Vec<Affine>,
        /// `[out]`.
        out: TensorId,
    },
    /// Convolution; 1 × 1 is a linear layer for every pixel.
    Conv2d(Conv2d),
    /// Group normalisation over the channels of one tensor or of two concatenated ones, then the conditioning
    /// (1 + scale) · y + shift, then SiLU.
    GroupNorm {
        /// One or two tensors.
        x: Vec<TensorId>,
        /// γ and β.
        layer: Affine,
        /// Number of groups.
        groups: u32,
        /// Numerical epsilon.
        eps: f32,
        /// Scale and shift, `[channels]` a sample each.
        scale_shift: Option<[Segment; 2]>,
        /// Apply SiLU last.
        silu: bool,
        /// Dropout in training, after SiLU.
        dropout: f32,
        /// The segments of the sources in order.
        out: TensorId,
    },
    /// Self-attention over the pixels: softmax(q · kᵀ / √head_dim) · v.
    Attention {
        /// Segments: `heads` times q, then k, then v, each `head_dim` wide.
        qkv: TensorId,
        /// Number of heads.
        heads: u32,
        /// Channels of a head.
        head_dim: u32,
        /// `heads` segments of `head_dim`.
        out: TensorId,
    },
}

impl Op {
    /// The tensor it writes.
    pub fn out(&self) -> TensorId {
        match self {
            Op::TimestepEmbedding { out, .. }
            | Op::ClassEmbedding { out, .. }
            | Op::Linear { out, .. }
            | Op::Conv2d(Conv2d { out, .. })
            | Op::GroupNorm { out, .. }
            | Op::Attention { out, .. } => *out,
        }
    }

    /// The tensors it reads.
    pub fn inputs(&self) -> Vec<TensorId> {
        match self {
            Op::TimestepEmbedding { .. } => vec![],
            Op::ClassEmbedding { x, .. } | Op::Linear { x, .. } => vec![*x],
            Op::Conv2d(conv) => {
                let embedding = conv.add_embedding.map(|segment| segment.tensor);
                conv.x.iter().copied().chain(embedding).chain(conv.residual).collect()
            }
            Op::GroupNorm { x, scale_shift, .. } => {
                let conditioning = scale_shift.iter().flatten().map(|segment| segment.tensor);
                x.iter().copied().chain(conditioning).collect()
            }
            Op::Attention { qkv, .. } => vec![*qkv],
        }
    }
}

/// A network: tensors, parameters, and the operations in the order of execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Activations.
    pub tensors: Vec<Tensor>,
    /// Parameters, in the order of first use.
    pub params: Vec<Param>,
    /// The recording.
    pub ops: Vec<Op>,
    /// x_t, written from outside.
    pub x: Option<TensorId>,
    /// The output of the last operation.
    pub output: Option<TensorId>,
    /// Rows of the class embedding, if labels are read.
    pub num_classes: Option<u32>,
}

impl Graph {
    /// The tensor of `id`.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// The parameter of `id`.
    pub fn param(&self, id: ParamId) -> &Param {
        &self.params[id.0]
    }

    /// The name that a layer's weight and bias share.
    pub fn layer_name(&self, layer: &Affine) -> &str {
        let name = &self.param(layer.weight).name;
        name.strip_suffix(".weight").unwrap_or(name)
    }

    /// The network's input x_t.
    ///
    /// # Panics
    /// If the recording has none; [`unet::describe`] always sets it.
    pub fn input(&self) -> TensorId {
        self.x.expect("a described network has an input")
    }

    /// The network's output.
    ///
    /// # Panics
    /// If the recording has none; [`unet::describe`] always sets it.
    pub fn output(&self) -> TensorId {
        self.output.expect("a described network has an output")
    }

    /// Number of scalars in all parameters.
    pub fn num_parameters(&self) -> u64 {
        self.params.iter().map(|p| p.shape.iter().map(|&n| n as u64).product::<u64>()).sum()
    }

    /// Floating-point operations for one sample: two for each multiply-add of a convolution (counted directly,
    /// padding taps included), linear layer or attention product; the rest is small beside them.
    pub fn flops(&self) -> u64 {
        self.ops.iter().map(|op| self.flops_of(op)).sum()
    }

    /// One operation's part of [`Self::flops`].
    pub fn flops_of(&self, op: &Op) -> u64 {
        let rows = |layers: &[Affine]| -> u64 {
            layers.iter().map(|l| self.param(l.weight).shape.iter().map(|&n| n as u64).product::<u64>()).sum()
        };
        match op {
            Op::Conv2d(conv) => 2 * rows(&conv.layers) * u64::from(self.tensor(conv.out).pixels()),
            Op::Linear { layers, .. } => 2 * rows(layers),
            Op::Attention { qkv, heads, head_dim, .. } => {
                let tokens = u64::from(self.tensor(*qkv).pixels());
                4 * tokens * tokens * u64::from(heads * head_dim)
            }
            Op::TimestepEmbedding { .. } | Op::ClassEmbedding { .. } | Op::GroupNorm { .. } => 0,
        }
    }
}
