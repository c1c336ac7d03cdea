//! Small graphs by hand.

use ddpm::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};

/// A graph with an input and, so far, no output. Layers are `layer0`, `layer1`, … in the order of their making.
pub struct Builder {
    graph: Graph,
}

impl Builder {
    /// The input has `size` (height, width) and `channels`.
    pub fn new(size: [u32; 2], channels: u32) -> Self {
        Self::with_segments(size, &[channels])
    }

    /// The input has several segments.
    pub fn with_segments(size: [u32; 2], segments: &[u32]) -> Self {
        let mut builder = Self { graph: Graph::default() };
        builder.graph.x = Some(builder.tensor(size, segments));
        builder
    }

    /// The input.
    pub fn x(&self) -> TensorId {
        self.graph.input()
    }

    /// A tensor for an operation to write.
    pub fn tensor(&mut self, [height, width]: [u32; 2], segments: &[u32]) -> TensorId {
        let name = format!("tensor{}", self.graph.tensors.len());
        self.graph.tensors.push(Tensor { name, height, width, segments: segments.to_vec() });
        TensorId(self.graph.tensors.len() - 1)
    }

    /// A parameter.
    pub fn param(&mut self, name: &str, shape: &[u32]) -> ParamId {
        let shape = shape.iter().map(|&n| n as usize).collect();
        self.graph.params.push(Param { name: name.to_owned(), shape });
        ParamId(self.graph.params.len() - 1)
    }

    /// A weight of `shape` and its bias.
    pub fn layer(&mut self, shape: &[u32]) -> Affine {
        let name = format!("layer{}", self.graph.params.len() / 2);
        Affine {
            weight: self.param(&format!("{name}.weight"), shape),
            bias: self.param(&format!("{name}.bias"), &shape[..1]),
        }
    }

    /// Records an operation.
    pub fn push(&mut self, op: Op) {
        self.graph.ops.push(op);
    }

    /// Channels of the concatenation of `x`.
    pub fn channels(&self, x: &[TensorId]) -> u32 {
        x.iter().map(|&id| self.graph.tensor(id).channels()).sum()
    }

    /// Another tensor of x's size: a 1 × 1 convolution of it.
    pub fn pointwise(&mut self, x: TensorId, segments: &[u32]) -> TensorId {
        let size = [self.graph.tensor(x).height, self.graph.tensor(x).width];
        let out = self.tensor(size, segments);
        let layers = vec![self.layer(&[segments.iter().sum(), self.channels(&[x]), 1, 1])];
        self.push(Op::Conv2d(Conv2d {
            x: vec![x],
            layers,
            kernel: 1,
            stride: 1,
            padding: 0,
            upsample: false,
            add_embedding: None,
            residual: None,
            out,
        }));
        out
    }

    /// An embedding that differs between the samples: a linear layer of their timesteps' sinusoids.
    pub fn embedding(&mut self, segments: &[u32]) -> TensorId {
        let sinusoids = self.tensor([1, 1], &[12]);
        self.push(Op::TimestepEmbedding { flip_sin_to_cos: false, freq_shift: 0.0, out: sinusoids });
        let out = self.tensor([1, 1], segments);
        let layers = vec![self.layer(&[segments.iter().sum(), 12])];
        self.push(Op::Linear { x: sinusoids, silu: false, layers, out });
        out
    }

    /// The graph, with rows of a class embedding.
    pub fn finish_with_classes(mut self, out: TensorId, classes: u32) -> Graph {
        self.graph.num_classes = Some(classes);
        self.finish(out)
    }

    /// The graph that ends in `out`.
    pub fn finish(mut self, out: TensorId) -> Graph {
        self.graph.output = Some(out);
        self.graph
    }
}
