//! The layers that are measured: convolutions of the U-Net, and a ResNet block without its time embedding.

use ddpm::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};

/// Of the reference network.
pub const GROUPS: u32 = 8;
pub const EPSILON: f32 = 1e-6;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// 3 × 3, stride 1.
    Convolution,
    /// GroupNorm, SiLU and such a convolution, twice, and the input added.
    Block,
}

/// A layer from `channels` channels to as many, and what it reads: `[batch, channels, side, side]`.
#[derive(Clone, Copy)]
pub struct Layer {
    pub kind: Kind,
    pub channels: u32,
    pub side: u32,
    pub batch: u32,
}

/// The two sizes of the reference network that have most of its FLOPs, and the largest of ddpm-cifar10-32.
pub const LAYERS: [Layer; 5] = [
    Layer { kind: Kind::Convolution, channels: 32, side: 28, batch: 16 },
    Layer { kind: Kind::Convolution, channels: 64, side: 14, batch: 16 },
    Layer { kind: Kind::Convolution, channels: 128, side: 32, batch: 2 },
    Layer { kind: Kind::Block, channels: 32, side: 28, batch: 16 },
    Layer { kind: Kind::Block, channels: 64, side: 14, batch: 16 },
];

impl Layer {
    pub fn name(&self) -> String {
        let Self { channels, side, batch, .. } = self;
        let kind = if self.kind == Kind::Block { "ResNet block" } else { "convolution" };
        format!("{kind}, {batch} × {channels} channels at {side} × {side}")
    }

    pub fn shape(&self) -> [usize; 4] {
        [self.batch, self.channels, self.side, self.side].map(|n| n as usize)
    }

    /// Our description of it. Parameters are `norm1`, `conv1`, `norm2`, `last`, weight and bias each; a convolution alone is
    /// `last`.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let x = self.tensor(&mut graph, "x");
        graph.x = Some(x);
        let read = match self.kind {
            Kind::Convolution => x,
            Kind::Block => {
                let normal = self.group_norm(&mut graph, "norm1", x);
                let hidden = self.convolution(&mut graph, "conv1", normal, None);
                self.group_norm(&mut graph, "norm2", hidden)
            }
        };
        let residual = (self.kind == Kind::Block).then_some(x);
        graph.output = Some(self.convolution(&mut graph, "last", read, residual));
        graph
    }

    fn tensor(&self, graph: &mut Graph, name: &str) -> TensorId {
        let tensor = Tensor {
            name: name.to_owned(),
            height: self.side,
            width: self.side,
            segments: vec![self.channels],
        };
        graph.tensors.push(tensor);
        TensorId(graph.tensors.len() - 1)
    }

    fn affine(&self, graph: &mut Graph, name: &str, weight: Vec<usize>) -> Affine {
        let first = graph.params.len();
        graph.params.push(Param { name: format!("{name}.weight"), shape: weight });
        graph.params.push(Param { name: format!("{name}.bias"), shape: vec![self.channels as usize] });
        Affine { weight: ParamId(first), bias: ParamId(first + 1) }
    }

    fn convolution(
        &self,
        graph: &mut Graph,
        name: &str,
        x: TensorId,
        residual: Option<TensorId>,
    ) -> TensorId {
        let channels = self.channels as usize;
        let layer = self.affine(graph, name, vec![channels, channels, 3, 3]);
        let out = self.tensor(graph, name);
        graph.ops.push(Op::Conv2d(Conv2d {
            x: vec![x],
            layers: vec![layer],
            kernel: 3,
            stride: 1,
            padding: 1,
            upsample: false,
            add_embedding: None,
            residual,
            out,
        }));
        out
    }

    fn group_norm(&self, graph: &mut Graph, name: &str, x: TensorId) -> TensorId {
        let layer = self.affine(graph, name, vec![self.channels as usize]);
        let out = self.tensor(graph, name);
        graph.ops.push(Op::GroupNorm {
            x: vec![x],
            layer,
            groups: GROUPS,
            eps: EPSILON,
            scale_shift: None,
            silu: true,
            dropout: 0.0,
            out,
        });
        out
    }
}
