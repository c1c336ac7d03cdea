//! The backward pass: a recording's operations in reverse, and where the gradients of tensors live meanwhile.
//!
//! A tensor's gradient is the sum over the operations that read it: the first to be recorded writes it (`=`), the others
//! accumulate (`+=`). Its memory is free again once the operation that wrote the tensor has passed it on.

use super::recording::{Recording, TexelScratch};
use super::{accumulate, attention, class_embedding_gradient, conv2d, dropout, group_norm, linear_gradient};
use crate::error::Result;
use crate::gpu::{Buffer, Tile};
use crate::graph::{Op, TensorId};

/// What is recorded in reverse.
pub(super) struct Backward<'r, 'a, 'g> {
    pub(super) r: &'r mut Recording<'a, 'g>,
    /// By tensor: its gradient so far, a slice of the buffer that it lies in.
    gradients: Vec<Option<(Buffer, Buffer)>>,
    free: Vec<Buffer>,
    /// Whether the input's gradient is computed too.
    input_wanted: bool,
}

impl<'r, 'a, 'g> Backward<'r, 'a, 'g> {
    /// Records the backward pass from `d_output`, the gradient of the network's output. Returns the input's gradient, if it
    /// is wanted; parameters' are accumulated (`+=`) in the store. The gradients of the tensors in `stopped` count as zero.
    ///
    /// # Errors
    /// If the adapter's limits are too small.
    pub(super) fn record(
        r: &'r mut Recording<'a, 'g>,
        d_output: &Buffer,
        input_wanted: bool,
        stopped: &[TensorId],
    ) -> Result<Option<Buffer>> {
        let graph = r.graph;
        let mut b = Self { r, gradients: vec![None; graph.tensors.len()], free: Vec::new(), input_wanted };
        b.gradients[graph.output().0] = Some((d_output.clone(), d_output.clone()));
        for (op_ix, op) in graph.ops.iter().enumerate().rev() {
            // What nothing reads has no gradient to pass on.
            if b.gradients[op.out().0].is_some() {
                if stopped.contains(&op.out()) {
                    let d_out = b.gradient_of(op.out());
                    b.r.rec.clear(&d_out);
                }
                b.record_op(op_ix, op)?;
            }
            if let Some((whole, _)) = b.gradients[op.out().0].take() {
                b.free.push(whole);
            }
        }
        Ok(b.gradients[graph.input().0].take().map(|(_, slice)| slice))
    }

    fn record_op(&mut self, op_ix: usize, op: &Op) -> Result<()> {
        match op {
            Op::TimestepEmbedding { .. } => Ok(()),
            Op::ClassEmbedding { x, table, out } => {
                class_embedding_gradient::record_backward(self, *x, *table, *out)
            }
            Op::Linear { x, silu, layers, out } => {
                linear_gradient::record_backward(self, *x, *silu, layers, *out)
            }
            Op::Conv2d(conv) => conv2d::record_backward(self, conv),
            Op::GroupNorm { x, layer, groups, eps, scale_shift, silu, dropout, out } => {
                let d_out = self.gradient_of(*out);
                dropout::record(self.r, *out, op_ix, *dropout, &d_out)?;
                let settings = group_norm::Settings {
                    layer: *layer,
                    groups: *groups,
                    eps: *eps,
                    scale_shift: *scale_shift,
                    silu: *silu,
                };
                group_norm::record_backward(self, x, &settings, *out)
            }
            Op::Attention { qkv, heads, head_dim, out } => {
                let sizes = self.r.attention_sizes(*qkv, *heads, *head_dim);
                self.record_attention(&sizes, *qkv, *out)
            }
        }
    }

    fn record_attention(&mut self, sizes: &attention::Sizes, qkv: TensorId, out: TensorId) -> Result<()> {
        let (weights, d_out) = (self.r.kept(out), self.gradient_of(out));
        let scratch = self.scratch(sizes.scores_words())?;
        let d_weights = scratch.slice(0, sizes.scores_words());
        let (d_qkv, add) = self.gradient_to(qkv)?;
        assert!(!add, "attention alone reads its qkv");
        let qkv = self.r.activation(qkv);
        let label = &self.r.graph.tensor(out).name;
        let gradients = attention::Gradients {
            qkv: &qkv,
            weights: &weights,
            d_out: &d_out,
            d_weights: &d_weights,
            d_qkv: &d_qkv,
        };
        let texels = match self.r.rec.gpu.tile() {
            Tile::Registers => Some([
                self.r.texel_scratch(TexelScratch::Input, &qkv)?,
                self.r.texel_scratch(TexelScratch::OutputGradient, &d_out)?,
                self.r.texel_scratch(TexelScratch::Weights, &d_weights)?,
            ]),
            _ => None,
        };
        let texels =
            texels.as_ref().map(|[qkv, d_out, scores]| attention::GradientTexels { qkv, d_out, scores });
        attention::record_backward(&mut self.r.rec, label, sizes, &gradients, texels.as_ref())?;
        self.release(scratch);
        Ok(())
    }

    /// Whether anything needs the gradient of `id`: not what no operation has written.
    pub(super) fn is_wanted(&self, id: TensorId) -> bool {
        if id == self.r.graph.input() {
            return self.input_wanted;
        }
        let from_time = |op: &Op| matches!(op, Op::TimestepEmbedding { out, .. } if *out == id);
        !self.r.graph.ops.iter().any(from_time)
    }

    /// The gradient of a tensor that an operation wrote, complete when that operation is recorded.
    ///
    /// # Panics
    /// If nothing has read the tensor.
    pub(super) fn gradient_of(&self, id: TensorId) -> Buffer {
        let gradient = self.gradients[id.0].as_ref();
        gradient
            .map(|(_, slice)| slice.clone())
            .expect("operations are recorded once their output's gradient is there")
    }

    /// Where to write the gradient of a tensor that an operation read, and whether to add to what is there.
    ///
    /// # Errors
    /// If the adapter's limits are too small.
    pub(super) fn gradient_to(&mut self, id: TensorId) -> Result<(Buffer, bool)> {
        if let Some((_, slice)) = &self.gradients[id.0] {
            return Ok((slice.clone(), true));
        }
        let words = self.words(id);
        let whole = self.scratch(words)?;
        let slice = whole.slice(0, words);
        self.gradients[id.0] = Some((whole, slice.clone()));
        Ok((slice, false))
    }

    /// Adds all of `d_out` to the gradient of `id`.
    pub(super) fn add(&mut self, id: TensorId, d_out: &Buffer) -> Result<()> {
        if !self.is_wanted(id) {
            return Ok(());
        }
        let quads = (self.words(id) / 4) as u32;
        let (gradient, add) = self.gradient_to(id)?;
        accumulate::record(&mut self.r.rec, &self.r.graph.tensor(id).name, quads, d_out, &gradient, add)
    }

    /// Memory of at least `words` words, until [`Self::release`].
    pub(super) fn scratch(&mut self, words: u64) -> Result<Buffer> {
        let fits = |buffer: &Buffer| buffer.bytes() >= words * 4;
        let smallest =
            (0..self.free.len()).filter(|&ix| fits(&self.free[ix])).min_by_key(|&ix| self.free[ix].bytes());
        match smallest {
            Some(ix) => Ok(self.free.swap_remove(ix)),
            None => self.r.rec.gpu.buffer("gradients", words),
        }
    }

    /// Gives [`Self::scratch`] back.
    pub(super) fn release(&mut self, buffer: Buffer) {
        self.free.push(buffer);
    }

    fn words(&self, id: TensorId) -> u64 {
        let tensor = self.r.graph.tensor(id);
        u64::from(self.r.batch) * u64::from(tensor.pixels()) * u64::from(tensor.quads()) * 4
    }
}
