//! The reverse executor: a recording backwards, every operation by its gradient.

use std::collections::BTreeMap;

use ddpm::graph::{Affine, Op, ParamId, Segment, TensorId};

use super::activation::Activation;
use super::attention::attention_backward;
use super::class_embedding::class_embedding_backward;
use super::conv2d::conv2d_backward;
use super::group_norm::group_norm_backward;
use super::layer::{Layer, add_scaled};
use super::linear::linear_backward;
use super::mixed::rounded;
use super::{Sample, Twin, sources};

/// The name of the gradient of a network's input among those of its parameters.
pub const SAMPLE: &str = "__sample__";

/// Gradients of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of every parameter by its name, in the checkpoint's order of elements, summed over the samples.
    pub parameters: BTreeMap<String, Vec<f64>>,
    /// Of the network's input: [N, C, H, W].
    pub sample: Vec<f64>,
}

impl Gradients {
    /// All of them by name, the input's as [`SAMPLE`]: what `ddpm debug gradients` writes, and the fixtures hold.
    pub fn by_name(mut self) -> BTreeMap<String, Vec<f64>> {
        self.parameters.insert(SAMPLE.to_owned(), self.sample);
        self.parameters
    }
}

impl Twin<'_> {
    /// The gradients of a loss whose gradient by the network's output is d_output: [N, C', H', W'].
    ///
    /// x: [N, C, H, W] (f32, or f64 for finite differences), a timestep a sample and, if it reads them, labels.
    pub fn gradients<X: Copy + Into<f64>>(
        &self,
        x: &[X],
        timesteps: &[u32],
        labels: Option<&[u32]>,
        d_output: &[f64],
    ) -> Gradients {
        let mut d_params: Vec<Vec<f64>> = self.params.iter().map(|param| vec![0.0; param.len()]).collect();
        let mut d_x = Vec::new();
        let samples = self.samples(x, timesteps, labels);
        let output = self.graph.tensor(self.graph.output());
        let (size, channels) = ([output.height as usize, output.width as usize], output.channels() as usize);
        let planes = size[0] * size[1] * channels;
        assert_eq!(d_output.len(), samples.len() * planes, "a gradient for every element of the output");
        for (sample, d_output) in samples.iter().zip(d_output.chunks_exact(planes)) {
            let tensors = self.forward(sample);
            let d_tensors =
                tensors.iter().map(|t| Activation::zeros([t.height, t.width], t.channels)).collect();
            let mut reverse = Reverse { twin: self, sample, tensors, d_tensors, d_params: &mut d_params };
            reverse.add(self.graph.output(), &Activation::from_planes(size, channels, d_output));
            for op_ix in (0..self.graph.ops.len()).rev() {
                reverse.op(op_ix);
            }
            d_x.extend(reverse.d_tensors[self.graph.input().0].to_planes());
        }
        let names = self.graph.params.iter().map(|param| param.name.clone());
        Gradients { parameters: names.zip(d_params).collect(), sample: d_x }
    }
}

/// One sample on its way back.
struct Reverse<'a> {
    twin: &'a Twin<'a>,
    sample: &'a Sample,
    /// Of the forward pass, by [`TensorId`].
    tensors: Vec<Activation>,
    /// The gradient of each, so far: whoever reads a tensor adds to it.
    d_tensors: Vec<Activation>,
    /// By [`ParamId`]; added to.
    d_params: &'a mut [Vec<f64>],
}

impl Reverse<'_> {
    /// Hands the gradient of an operation's output on to all that it reads. Every reader of that output comes later in
    /// the recording, so the gradient is complete.
    fn op(&mut self, op_ix: usize) {
        let (twin, op) = (self.twin, &self.twin.graph.ops[op_ix]);
        let mut d_out = self.d_tensors[op.out().0].clone();
        if let Some(mask) = twin.dropout_mask(op_ix, self.sample) {
            d_out.multiply(&mask);
        }
        match op {
            // t is not learnt.
            Op::TimestepEmbedding { .. } => {}
            Op::ClassEmbedding { x, table, .. } => {
                let d_table = class_embedding_backward(twin.param(*table), self.sample.label(), &d_out);
                self.add_param(*table, &d_table);
                self.add(*x, &d_out);
            }
            Op::Linear { x, silu, layers, .. } => {
                let (d_x, d_layer) = linear_backward(&self.tensors[x.0], *silu, &twin.stack(layers), &d_out);
                self.add_layers(layers, &d_layer);
                self.add(*x, &d_x);
            }
            Op::Conv2d(conv) => {
                let (x, layer) = twin.operands(sources(&conv.x, &self.tensors), twin.stack(&conv.layers));
                let (mut d_x, mut d_layer) = conv2d_backward(conv, &x, &layer, &d_out);
                if let Some(scale) = twin.mixed {
                    // The bias's gradient is a sum, and no product.
                    let operand = Activation { data: rounded(&d_out.data, scale), ..d_out.clone() };
                    let bias = std::mem::take(&mut d_layer.bias);
                    (d_x, d_layer) = conv2d_backward(conv, &x, &layer, &operand);
                    d_layer.bias = bias;
                }
                self.add_layers(&conv.layers, &d_layer);
                self.add_to_sources(&conv.x, &d_x);
                if let Some(segment) = conv.add_embedding {
                    self.add_to_segment(segment, &d_layer.bias);
                }
                if let Some(residual) = conv.residual {
                    self.add(residual, &d_out);
                }
            }
            Op::GroupNorm { x, layer, groups, eps, scale_shift, silu, .. } => {
                let after = twin.after_norm(*scale_shift, *silu, &self.tensors);
                let input = sources(x, &self.tensors);
                let (stack, groups, eps) = (twin.stack(&[*layer]), *groups as usize, f64::from(*eps));
                let d = group_norm_backward(&input, &stack, groups, eps, &after, &d_out);
                self.add_layers(&[*layer], &d.layer);
                self.add_to_sources(x, &d.x);
                for (segment, d) in scale_shift.iter().flatten().zip(&d.scale_shift) {
                    self.add_to_segment(*segment, d);
                }
            }
            Op::Attention { qkv, heads, head_dim, .. } => {
                let (heads, head_dim) = (*heads as usize, *head_dim as usize);
                let d_qkv = attention_backward(&self.tensors[qkv.0], heads, head_dim, &d_out);
                self.add(*qkv, &d_qkv);
            }
        }
    }

    fn add(&mut self, id: TensorId, d: &Activation) {
        self.d_tensors[id.0].add(d);
    }

    /// d: the gradient of the concatenation of `x`.
    fn add_to_sources(&mut self, x: &[TensorId], d: &Activation) {
        let widths: Vec<usize> = x.iter().map(|id| self.tensors[id.0].channels).collect();
        for (id, d) in x.iter().zip(d.parts(&widths)) {
            self.add(*id, &d);
        }
    }

    fn add_to_segment(&mut self, segment: Segment, d: &[f64]) {
        let range = self.twin.segment_range(segment);
        add_scaled(&mut self.d_tensors[segment.tensor.0].data[range], 1.0, d);
    }

    fn add_param(&mut self, id: ParamId, d: &[f64]) {
        add_scaled(&mut self.d_params[id.0], 1.0, d);
    }

    /// d: the gradient of the stacked layers.
    fn add_layers(&mut self, layers: &[Affine], d: &Layer) {
        let (mut weight, mut bias) = (d.weight.as_slice(), d.bias.as_slice());
        for layer in layers {
            for (id, rest) in [(layer.weight, &mut weight), (layer.bias, &mut bias)] {
                let (own, others) = rest.split_at(self.d_params[id.0].len());
                self.add_param(id, own);
                *rest = others;
            }
        }
    }
}
