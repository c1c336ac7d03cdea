//! Self-attention over the pixels of a picture, out = softmax(q · kᵀ / √head_dim) · v for each head, and its gradient:
//! batched products (`matmul.rs`) around a softmax (`softmax.rs`).

use super::matmul::{self, Product, Strides};
use super::recording::Recording;
use super::softmax::{self, Softmax};
use crate::error::Result;
use crate::gpu::{Arg, Buffer, KernelKey, Recorder, Texels, Tile};
use crate::graph::TensorId;

/// An attention's sizes. Its tensors, in `vec4`s:
/// - qkv `[samples, tokens, 3 · heads · head_quads]`: every head's q, then every k, then every v;
/// - scores, and then weights, `[samples, heads, tokens, token_quads]`, four keys a `vec4`;
/// - out `[samples, tokens, heads · head_quads]`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Batch size.
    pub samples: u32,
    /// Pixels a sample.
    pub tokens: u32,
    /// Heads.
    pub heads: u32,
    /// Channels a head.
    pub head_dim: u32,
}

/// Which third of qkv.
#[derive(Clone, Copy)]
enum Part {
    Q,
    K,
    V,
}

impl Sizes {
    /// Words of the scores.
    pub fn scores_words(&self) -> u64 {
        u64::from(self.score_rows()) * u64::from(self.token_quads()) * 4
    }

    fn score_rows(&self) -> u32 {
        self.samples * self.heads * self.tokens
    }

    fn token_quads(&self) -> u32 {
        self.tokens.div_ceil(4)
    }

    fn head_quads(&self) -> u32 {
        self.head_dim.div_ceil(4)
    }

    fn scale(&self) -> f32 {
        f64::from(self.head_dim).sqrt().recip() as f32
    }

    fn part(&self, part: Part) -> Strides {
        let quads = self.heads * self.head_quads();
        let (offset, row) = (part as u32 * quads, 3 * quads);
        Strides { offset, sample: self.tokens * row, head: self.head_quads(), row }
    }

    fn out(&self) -> Strides {
        let row = self.heads * self.head_quads();
        Strides { offset: 0, sample: self.tokens * row, head: self.head_quads(), row }
    }

    fn scores(&self) -> Strides {
        let row = self.token_quads();
        Strides { offset: 0, sample: self.heads * self.tokens * row, head: self.tokens * row, row }
    }

    fn softmax(&self) -> Softmax {
        Softmax {
            rows: self.score_rows(),
            columns: self.tokens,
            quads: self.token_quads(),
            scale: self.scale(),
        }
    }

    /// a · bᵀ over the channels of a head, one score for each pair of tokens.
    fn over_channels(&self, a: Strides, b: Strides, scale: f32) -> matmul::Sizes {
        let Self { samples, heads, tokens, head_dim } = *self;
        let c = self.scores();
        matmul::Sizes { samples, heads, rows: tokens, columns: tokens, depth: head_dim, scale, a, b, c }
    }

    /// The scores, or their transpose, times b: sums over tokens, for each token the channels of a head.
    fn over_tokens(&self, b: Strides, c: Strides) -> matmul::Sizes {
        let Self { samples, heads, tokens, head_dim } = *self;
        let a = self.scores();
        matmul::Sizes { samples, heads, rows: tokens, columns: head_dim, depth: tokens, scale: 1.0, a, b, c }
    }
}

/// The kernels of [`record`] under `tile`.
pub(super) fn kernels(tile: Tile) -> [KernelKey; 3] {
    [matmul::kernel(tile, Product::Nt), softmax::kernel(), matmul::kernel(tile, Product::Nn)]
}

/// Records out = attention of qkv, and leaves the weights in `scores`, which has [`Sizes::scores_words`].
pub(super) fn record(
    r: &mut Recording<'_, '_>,
    sizes: &Sizes,
    qkv: TensorId,
    scores: &Buffer,
    out: TensorId,
) -> Result<()> {
    let label = r.graph.tensor(out).name.clone();
    let (qkv, out) = (r.activation(qkv), r.activation(out));
    let texels = match r.rec.gpu.tile() {
        Tile::Registers => Some((r.texels_of(&qkv)?, r.weight_texels(scores)?)),
        _ => None,
    };
    let (qkv, weights): (Arg<'_>, Arg<'_>) = match &texels {
        None => ((&qkv).into(), scores.into()),
        Some((qkv, weights)) => (qkv.into(), weights.into()),
    };
    let products = sizes.over_channels(sizes.part(Part::Q), sizes.part(Part::K), sizes.scale());
    matmul::record(&mut r.rec, &label, Product::Nt, &products, [qkv, qkv], scores)?;
    softmax::record(&mut r.rec, &label, &sizes.softmax(), scores)?;
    if let Some((_, texels)) = &texels {
        r.rec.copy_to_texels(scores, texels);
    }
    let sums = sizes.over_tokens(sizes.part(Part::V), sizes.out());
    matmul::record(&mut r.rec, &label, Product::Nn, &sums, [weights, qkv], &out)
}

/// What an attention's gradient reads and writes; all are different buffers.
pub struct Gradients<'a> {
    /// The input, as in the forward pass.
    pub qkv: &'a Buffer,
    /// What the forward pass left in its scores.
    pub weights: &'a Buffer,
    /// The gradient of out, laid out as out.
    pub d_out: &'a Buffer,
    /// Scratch, as large as the weights: their gradient, then that of the scores.
    pub d_weights: &'a Buffer,
    /// The gradient of qkv, laid out as qkv; overwritten whole, its padding with zeros.
    pub d_qkv: &'a Buffer,
}

/// Textures that products read their operands from under [`Tile::Registers`], each at least as large as the buffer; their
/// contents are scratch.
pub struct GradientTexels<'a> {
    /// qkv.
    pub qkv: &'a Texels,
    /// d_out.
    pub d_out: &'a Texels,
    /// The weights, then the gradient of the scores.
    pub scores: &'a Texels,
}

/// Records d_qkv. With P the weights of a head, dP = d_out · vᵀ and dS = P ∘ (dP − Σ P ∘ dP over each row) / √head_dim:
///
/// d_v = Pᵀ · d_out,  d_q = dS · k,  d_k = dSᵀ · q.
///
/// `texels`: for [`Tile::Registers`], and for it alone.
///
/// # Errors
/// If a tensor has too many elements for one dispatch.
pub fn record_backward(
    rec: &mut Recorder<'_>,
    label: &str,
    sizes: &Sizes,
    buffers: &Gradients<'_>,
    texels: Option<&GradientTexels<'_>>,
) -> Result<()> {
    let Gradients { qkv, weights, d_out, d_weights, d_qkv } = *buffers;
    let [q, k, v] = [Part::Q, Part::K, Part::V].map(|part| sizes.part(part));
    let (qkv_arg, d_out_arg, weights_arg, d_scores_arg): (Arg<'_>, Arg<'_>, Arg<'_>, Arg<'_>) = match texels {
        None => (qkv.into(), d_out.into(), weights.into(), d_weights.into()),
        Some(t) => (t.qkv.into(), t.d_out.into(), t.scores.into(), t.scores.into()),
    };
    if let Some(texels) = texels {
        rec.copy_to_texels(qkv, texels.qkv);
        rec.copy_to_texels(d_out, texels.d_out);
        rec.copy_to_texels(weights, texels.scores);
    }
    let d_v = sizes.over_tokens(sizes.out(), v);
    matmul::record(rec, label, Product::Tn, &d_v, [weights_arg, d_out_arg], d_qkv)?;
    let products = sizes.over_channels(sizes.out(), v, 1.0);
    matmul::record(rec, label, Product::Nt, &products, [d_out_arg, qkv_arg], d_weights)?;
    softmax::record_backward(rec, label, &sizes.softmax(), weights, d_weights)?;
    if let Some(texels) = texels {
        rec.copy_to_texels(d_weights, texels.scores);
    }
    let (d_q, d_k) = (sizes.over_tokens(k, q), sizes.over_tokens(q, k));
    matmul::record(rec, label, Product::Nn, &d_q, [d_scores_arg, qkv_arg], d_qkv)?;
    matmul::record(rec, label, Product::Tn, &d_k, [d_scores_arg, qkv_arg], d_qkv)
}
