//! The twins: every operation of a recording in f64, by direct loops, one file an operation with its gradient.
//!
//! [`Twin`] is a second executor of a [`Graph`], forward here and in reverse in `backward.rs`, one sample at a time.
//! Finite differences and the fixtures prove it (`twins/`, `goldens/`), and it proves the kernels.

mod activation;
pub mod adam;
mod attention;
mod backward;
mod class_embedding;
pub mod clip;
mod conv2d;
pub mod dropout;
mod group_norm;
mod layer;
mod linear;
mod mixed;
pub mod mse;
pub mod random;
mod timestep_embedding;
pub mod training_loss;

use std::ops::Range;

use ddpm::graph::{Affine, Graph, Op, ParamId, Parameters, Segment, TensorId};

pub use activation::Activation;
pub use backward::{Gradients, SAMPLE};
use group_norm::AfterNorm;
use layer::Layer;

/// A network in f64.
pub struct Twin<'a> {
    graph: &'a Graph,
    /// By [`ParamId`], row-major.
    params: Vec<Vec<f64>>,
    /// Without it, no dropout.
    training: Option<Training>,
    /// Where convolutions are computed in mixed precision: by what gradients are multiplied before they are rounded.
    mixed: Option<f64>,
}

/// One sample of a batch, and where it is.
struct Sample {
    x: Activation,
    position: u32,
    timestep: u32,
    label: Option<u32>,
}

impl Sample {
    fn label(&self) -> u32 {
        self.label.expect("a label for a class embedding")
    }
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
        Self { graph, params: params.collect(), training: None, mixed: None }
    }

    /// The same in training: dropout masks come from `seed`, and sample n of a batch is training sample
    /// `first_sample` + n.
    pub fn training(mut self, seed: u64, first_sample: u32) -> Self {
        self.training = Some(Training { seed, first_sample });
        self
    }

    /// The same with the operands of every convolution rounded to f16, gradients after they are multiplied by `gradient_scale`.
    pub fn mixed(mut self, gradient_scale: f64) -> Self {
        self.mixed = Some(gradient_scale);
        self
    }

    /// The elements of a parameter, to be changed.
    pub fn parameter_mut(&mut self, name: &str) -> &mut [f64] {
        let ix = self.graph.params.iter().position(|param| param.name == name);
        &mut self.params[ix.unwrap_or_else(|| panic!("no parameter {name}"))]
    }

    /// The network's output [N, C', H', W'] for x: [N, C, H, W], a timestep a sample and, if it reads them, labels.
    pub fn predict<X>(&self, x: &[X], timesteps: &[u32], labels: Option<&[u32]>) -> Vec<f64>
    where
        X: Copy + Into<f64>,
    {
        let samples = self.samples(x, timesteps, labels).into_iter();
        samples.flat_map(|sample| self.forward(&sample)[self.graph.output().0].to_planes()).collect()
    }

    fn samples<X>(&self, x: &[X], timesteps: &[u32], labels: Option<&[u32]>) -> Vec<Sample>
    where
        X: Copy + Into<f64>,
    {
        let input = self.graph.tensor(self.graph.input());
        let size = [input.height as usize, input.width as usize];
        assert_eq!(x.len() % timesteps.len(), 0, "{} timesteps", timesteps.len());
        let pictures = x.chunks_exact(x.len() / timesteps.len());
        let sample = |(n, picture)| Sample {
            x: Activation::from_planes(size, input.channels() as usize, picture),
            position: n as u32,
            timestep: timesteps[n],
            label: labels.map(|labels| labels[n]),
        };
        pictures.enumerate().map(sample).collect()
    }

    /// Every tensor of one sample, by [`TensorId`].
    fn forward(&self, sample: &Sample) -> Vec<Activation> {
        let mut tensors = vec![Activation::zeros([0, 0], 0); self.graph.tensors.len()];
        tensors[self.graph.input().0] = sample.x.clone();
        for (op_ix, op) in self.graph.ops.iter().enumerate() {
            let mut out = self.op(op, &tensors, sample);
            if let Some(mask) = self.dropout_mask(op_ix, sample) {
                out.multiply(&mask);
            }
            let tensor = self.graph.tensor(op.out());
            let found = [out.height, out.width, out.channels].map(|n| n as u32);
            assert_eq!(found, [tensor.height, tensor.width, tensor.channels()], "{}", tensor.name);
            tensors[op.out().0] = out;
        }
        tensors
    }

    /// One operation, but for its dropout.
    fn op(&self, op: &Op, tensors: &[Activation], sample: &Sample) -> Activation {
        match op {
            Op::TimestepEmbedding { flip_sin_to_cos, freq_shift, out } => {
                let dim = self.graph.tensor(*out).channels() as usize;
                timestep_embedding::timestep_embedding(sample.timestep, dim, *flip_sin_to_cos, *freq_shift)
            }
            Op::ClassEmbedding { x, table, .. } => {
                class_embedding::class_embedding(&tensors[x.0], self.param(*table), sample.label())
            }
            Op::Linear { x, silu, layers, .. } => linear::linear(&tensors[x.0], *silu, &self.stack(layers)),
            Op::Conv2d(conv) => {
                let out = self.graph.tensor(conv.out);
                let (x, layer) = self.operands(sources(&conv.x, tensors), self.stack(&conv.layers));
                conv2d::conv2d(
                    conv,
                    &x,
                    &layer,
                    conv.add_embedding.map(|segment| self.segment(segment, tensors)),
                    conv.residual.map(|id| &tensors[id.0]),
                    [out.height as usize, out.width as usize],
                )
            }
            Op::GroupNorm { x, layer, groups, eps, scale_shift, silu, .. } => {
                let after = self.after_norm(*scale_shift, *silu, tensors);
                let layer = self.stack(&[*layer]);
                group_norm::group_norm(&sources(x, tensors), &layer, *groups as usize, (*eps).into(), &after)
            }
            Op::Attention { qkv, heads, head_dim, .. } => {
                attention::attention(&tensors[qkv.0], *heads as usize, *head_dim as usize)
            }
        }
    }

    /// What the output of an operation is multiplied by in training.
    fn dropout_mask(&self, op_ix: usize, sample: &Sample) -> Option<Activation> {
        let Op::GroupNorm { dropout, out, .. } = &self.graph.ops[op_ix] else { return None };
        let training = self.training.filter(|_| *dropout > 0.0)?;
        let tensor = self.graph.tensor(*out);
        let (size, channels) = ([tensor.height as usize, tensor.width as usize], tensor.channels() as usize);
        let number = training.first_sample + sample.position;
        Some(dropout::dropout_mask(training.seed, op_ix as u32, number, *dropout, size, channels))
    }

    /// A convolution's input and weights, as it reads them.
    fn operands(&self, mut x: Activation, mut layer: Layer) -> (Activation, Layer) {
        if self.mixed.is_some() {
            (x.data, layer.weight) = (mixed::rounded(&x.data, 1.0), mixed::rounded(&layer.weight, 1.0));
        }
        (x, layer)
    }

    fn after_norm<'t>(
        &self,
        scale_shift: Option<[Segment; 2]>,
        silu: bool,
        tensors: &'t [Activation],
    ) -> AfterNorm<'t> {
        let scale_shift = scale_shift.map(|pair| pair.map(|segment| self.segment(segment, tensors)));
        AfterNorm { scale_shift, silu }
    }

    fn segment<'t>(&self, segment: Segment, tensors: &'t [Activation]) -> &'t [f64] {
        &tensors[segment.tensor.0].data[self.segment_range(segment)]
    }

    /// The channels of a segment in its tensor.
    fn segment_range(&self, segment: Segment) -> Range<usize> {
        let widths = &self.graph.tensor(segment.tensor).segments;
        let first = widths[..segment.segment_ix].iter().sum::<u32>() as usize;
        first..first + widths[segment.segment_ix] as usize
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

/// What an operation reads from one tensor or two.
fn sources(x: &[TensorId], tensors: &[Activation]) -> Activation {
    Activation::concatenation(&x.iter().map(|id| &tensors[id.0]).collect::<Vec<_>>())
}
