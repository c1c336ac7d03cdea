//! Records layers into a graph: names, shapes and sizes follow from the inputs.

use super::Projection;
use crate::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Segment, Tensor, TensorId};
use crate::spec::TimeConditioning;

/// What a convolution does besides convolving.
#[derive(Clone, Copy, Default)]
pub(super) struct ConvOptions {
    pub(super) add_embedding: Option<Segment>,
    pub(super) residual: Option<TensorId>,
}

pub(super) struct Builder {
    pub(super) graph: Graph,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { graph: Graph::default() }
    }

    pub(super) fn tensor(&mut self, name: &str, [height, width]: [u32; 2], segments: Vec<u32>) -> TensorId {
        self.graph.tensors.push(Tensor { name: name.to_owned(), height, width, segments });
        TensorId(self.graph.tensors.len() - 1)
    }

    pub(super) fn size(&self, id: TensorId) -> [u32; 2] {
        let tensor = self.graph.tensor(id);
        [tensor.height, tensor.width]
    }

    fn param(&mut self, name: String, shape: Vec<usize>) -> ParamId {
        self.graph.params.push(Param { name, shape });
        ParamId(self.graph.params.len() - 1)
    }

    fn affine(&mut self, name: &str, shape: Vec<usize>) -> Affine {
        let out = shape[0];
        Affine {
            weight: self.param(format!("{name}.weight"), shape),
            bias: self.param(format!("{name}.bias"), vec![out]),
        }
    }

    /// Channels of the concatenation of `x`.
    fn channels(&self, x: &[TensorId]) -> usize {
        x.iter().map(|&id| self.graph.tensor(id).channels() as usize).sum()
    }

    /// A stride-1 convolution that keeps the size.
    pub(super) fn conv(&mut self, name: &str, x: &[TensorId], channels: u32, kernel: u32) -> TensorId {
        self.conv_with(&[name], x, &[channels], kernel, ConvOptions::default())
    }

    /// One or more stride-1 convolutions over the same input, stacked; `segments` divide their outputs.
    pub(super) fn conv_with(
        &mut self,
        names: &[&str],
        x: &[TensorId],
        segments: &[u32],
        kernel: u32,
        options: ConvOptions,
    ) -> TensorId {
        let channels = segments.iter().sum::<u32>() as usize / names.len();
        let out = self.tensor(names[0], self.size(x[0]), segments.to_vec());
        let conv = Conv2d {
            x: x.to_vec(),
            layers: self.conv_layers(names, channels, x, kernel),
            kernel,
            stride: 1,
            padding: kernel / 2,
            upsample: false,
            add_embedding: options.add_embedding,
            residual: options.residual,
            out,
        };
        self.graph.ops.push(Op::Conv2d(conv));
        out
    }

    fn conv_layers(&mut self, names: &[&str], out: usize, x: &[TensorId], kernel: u32) -> Vec<Affine> {
        let input = self.channels(x);
        // Attention's projections are stored as matrices, every other convolution with its kernel.
        let is_matrix = |name: &str| name.split('.').any(|part| part == "attentions");
        names
            .iter()
            .map(|name| {
                let k = kernel as usize;
                self.affine(name, if is_matrix(name) { vec![out, input] } else { vec![out, input, k, k] })
            })
            .collect()
    }

    /// 3 × 3, stride 2; `padding` 0 pads below and to the right only.
    pub(super) fn downsample(&mut self, name: &str, x: TensorId, channels: u32, padding: u32) -> TensorId {
        let [height, width] = self.size(x);
        let out = self.tensor(name, [height / 2, width / 2], vec![channels]);
        let layers = self.conv_layers(&[name], channels as usize, &[x], 3);
        self.resampling(Conv2d {
            x: vec![x],
            layers,
            kernel: 3,
            stride: 2,
            padding,
            upsample: false,
            add_embedding: None,
            residual: None,
            out,
        })
    }

    /// Nearest-neighbour upsampling by 2, then 3 × 3.
    pub(super) fn upsample(&mut self, name: &str, x: TensorId, channels: u32) -> TensorId {
        let [height, width] = self.size(x);
        let out = self.tensor(name, [height * 2, width * 2], vec![channels]);
        let layers = self.conv_layers(&[name], channels as usize, &[x], 3);
        self.resampling(Conv2d {
            x: vec![x],
            layers,
            kernel: 3,
            stride: 1,
            padding: 1,
            upsample: true,
            add_embedding: None,
            residual: None,
            out,
        })
    }

    fn resampling(&mut self, conv: Conv2d) -> TensorId {
        let out = conv.out;
        self.graph.ops.push(Op::Conv2d(conv));
        out
    }

    #[expect(clippy::too_many_arguments, reason = "a layer and its five settings")]
    pub(super) fn group_norm(
        &mut self,
        name: &str,
        x: &[TensorId],
        groups: u32,
        eps: f32,
        scale_shift: Option<[Segment; 2]>,
        silu: bool,
        dropout: f32,
    ) -> TensorId {
        let segments = x.iter().flat_map(|&id| self.graph.tensor(id).segments.clone()).collect();
        let out = self.tensor(name, self.size(x[0]), segments);
        let layer = self.affine(name, vec![self.channels(x)]);
        self.graph.ops.push(Op::GroupNorm {
            x: x.to_vec(),
            layer,
            groups,
            eps,
            scale_shift,
            silu,
            dropout,
            out,
        });
        out
    }

    pub(super) fn linear(&mut self, name: &str, x: TensorId, silu: bool, dim: u32) -> TensorId {
        let out = self.tensor(name, [1, 1], vec![dim]);
        let layer = self.affine(name, vec![dim as usize, self.channels(&[x])]);
        self.graph.ops.push(Op::Linear { x, silu, layers: vec![layer], out });
        out
    }

    pub(super) fn class_embedding(&mut self, name: &str, x: TensorId, labels: u32) -> TensorId {
        let dim = self.graph.tensor(x).channels();
        let out = self.tensor(name, [1, 1], vec![dim]);
        let table = self.param(format!("{name}.weight"), vec![labels as usize, dim as usize]);
        self.graph.ops.push(Op::ClassEmbedding { x, table, out });
        out
    }

    /// `time_emb_proj` of every ResNet block over silu(embedding), stacked into one layer.
    pub(super) fn stacked_projections(
        &mut self,
        embedding: TensorId,
        blocks: &[(String, u32)],
        conditioning: TimeConditioning,
    ) -> Vec<Projection> {
        let dim = self.channels(&[embedding]);
        let halves = match conditioning {
            TimeConditioning::Add => 1,
            TimeConditioning::ScaleShift => 2,
        };
        let segments = blocks.iter().flat_map(|(_, channels)| vec![*channels; halves]).collect();
        let out = self.tensor("time_emb_proj", [1, 1], segments);
        let layers = blocks
            .iter()
            .map(|(name, channels)| {
                self.affine(&format!("{name}.time_emb_proj"), vec![halves * *channels as usize, dim])
            })
            .collect();
        self.graph.ops.push(Op::Linear { x: embedding, silu: true, layers, out });
        let segment = |segment_ix| Segment { tensor: out, segment_ix };
        (0..blocks.len())
            .map(|i| match conditioning {
                TimeConditioning::Add => Projection::Add(segment(i)),
                TimeConditioning::ScaleShift => Projection::ScaleShift([segment(2 * i), segment(2 * i + 1)]),
            })
            .collect()
    }
}
