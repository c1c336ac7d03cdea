//! The twins: every operation of a recording in f64, by direct loops, one file an operation.
//!
//! [`Twin`] is a second executor of a [`Graph`], one sample at a time. The fixtures prove it, and it proves the
//! kernels.

mod activation;
mod attention;
mod backward;
mod class_embedding;
mod conv2d;
mod group_norm;
mod layer;
mod linear;
pub mod mse;
pub mod random;
mod timestep_embedding;

use ddpm::graph::{Affine, Graph, Op, ParamId, Parameters, Segment, TensorId};

pub use activation::Activation;
pub use backward::Gradients;
use group_norm::AfterNorm;
use layer::Layer;

/// A network in f64.
pub struct Twin<'a> {
    graph: &'a Graph,
    /// By [`ParamId`], row-major.
    params: Vec<Vec<f64>>,
    /// Without it, no dropout.
    training: Option<Training>,
}

/// What dropout's masks are drawn from.
#[derive(Clone, Copy, Debug)]
struct Training {
    seed: u64,
    /// The training sample that the batch begins with.
    first_sample: u32,
}

impl<'a> Twin<'a> {
    /// The network of `graph` with `parameters`.
    pub fn new(graph: &'a Graph, parameters: &dyn Parameters) -> Self {
        let read = |name: &str| parameters.read(name).unwrap_or_else(|e| panic!("{e}"));
        let params = graph.params.iter().map(|param| {
            let data: Vec<f64> = read(&param.name).iter().map(|&value| value.into()).collect();
            assert_eq!(data.len(), param.shape.iter().product::<usize>(), "{} {:?}", param.name, param.shape);
            data
        });
        Self { graph, params: params.collect(), training: None }
    }

    /// The same in training: dropout masks come from `seed`, and sample n of a batch is training sample
    /// `first_sample` + n.
    pub fn training(mut self, seed: u64, first_sample: u32) -> Self {
        self.training = Some(Training { seed, first_sample });
        self
    }

    /// The network's output [N, C', H', W'] for x: [N, C, H, W], a timestep a sample and, if it reads them, labels.
    pub fn predict(&self, x: &[f32], timesteps: &[u32], labels: Option<&[u32]>) -> Vec<f64> {
        let input = self.graph.tensor(self.graph.input());
        let size = [input.height as usize, input.width as usize];
        let mut output = Vec::new();
        for (n, picture) in x.chunks_exact(x.len() / timesteps.len()).enumerate() {
            let picture = Activation::from_planes(size, input.channels() as usize, picture);
            let activations = self.forward(picture, timesteps[n], labels.map(|labels| labels[n]));
            output.extend(activations[self.graph.output().0].to_planes());
        }
        output
    }

    /// Every tensor of one sample, by [`TensorId`].
    pub fn forward(&self, x: Activation, timestep: u32, label: Option<u32>) -> Vec<Activation> {
        let mut tensors = vec![Activation::zeros([0, 0], 0); self.graph.tensors.len()];
        tensors[self.graph.input().0] = x;
        for op in &self.graph.ops {
            let out = self.op(op, &tensors, timestep, label);
            let tensor = self.graph.tensor(op.out());
            let found = [out.height, out.width, out.channels].map(|n| n as u32);
            assert_eq!(found, [tensor.height, tensor.width, tensor.channels()], "{}", tensor.name);
            tensors[op.out().0] = out;
        }
        tensors
    }

    fn op(&self, op: &Op, tensors: &[Activation], timestep: u32, label: Option<u32>) -> Activation {
        let sources = |x: &[TensorId]| {
            Activation::concatenation(&x.iter().map(|id| &tensors[id.0]).collect::<Vec<_>>())
        };
        let segment = |segment: Segment| {
            let widths = &self.graph.tensor(segment.tensor).segments;
            let first: u32 = widths[..segment.segment_ix].iter().sum();
            &tensors[segment.tensor.0].data[first as usize..][..widths[segment.segment_ix] as usize]
        };
        match op {
            Op::TimestepEmbedding { flip_sin_to_cos, freq_shift, out } => {
                let dim = self.graph.tensor(*out).channels() as usize;
                timestep_embedding::timestep_embedding(timestep, dim, *flip_sin_to_cos, *freq_shift)
            }
            Op::ClassEmbedding { x, table, .. } => {
                let label = label.expect("a label for a class embedding");
                class_embedding::class_embedding(&tensors[x.0], self.param(*table), label)
            }
            Op::Linear { x, silu, layers, .. } => linear::linear(&tensors[x.0], *silu, &self.stack(layers)),
            Op::Conv2d(conv) => {
                let out = self.graph.tensor(conv.out);
                conv2d::conv2d(
                    conv,
                    &sources(&conv.x),
                    &self.stack(&conv.layers),
                    conv.add_embedding.map(segment),
                    conv.residual.map(|id| &tensors[id.0]),
                    [out.height as usize, out.width as usize],
                )
            }
            Op::GroupNorm { x, layer, groups, eps, scale_shift, silu, .. } => {
                let after = AfterNorm { scale_shift: scale_shift.map(|pair| pair.map(segment)), silu: *silu };
                let layer = self.stack(&[*layer]);
                group_norm::group_norm(&sources(x), &layer, *groups as usize, (*eps).into(), &after)
            }
            Op::Attention { qkv, heads, head_dim, .. } => {
                attention::attention(&tensors[qkv.0], *heads as usize, *head_dim as usize)
            }
        }
    }

    fn param(&self, id: ParamId) -> &[f64] {
        &self.params[id.0]
    }

    /// Layers one below the other, along their outputs.
    fn stack(&self, layers: &[Affine]) -> Layer {
        Layer {
            weight: layers.iter().flat_map(|layer| self.param(layer.weight)).copied().collect(),
            bias: layers.iter().flat_map(|layer| self.param(layer.bias)).copied().collect(),
        }
    }
}
