//! conv2d: sources, strides, paddings, upsampling, stacked layers, and what is added at the end.

use ddpm::graph::{self, Op, Segment};

use super::finite_differences::Case;
use crate::kernels::builder::Builder;

/// A convolution; by default 3 × 3 on 3 × 4 pixels, 3 channels to 2.
#[derive(Clone, Debug)]
struct Conv {
    batch: u32,
    size: [u32; 2],
    /// Channels of each source.
    x: Vec<u32>,
    /// Outputs of each stacked layer.
    layers: Vec<u32>,
    kernel: u32,
    stride: u32,
    padding: u32,
    upsample: bool,
    /// The time embedding and the residual.
    additions: bool,
}

impl Default for Conv {
    fn default() -> Self {
        Self {
            batch: 1,
            size: [3, 4],
            x: vec![3],
            layers: vec![2],
            kernel: 3,
            stride: 1,
            padding: 1,
            upsample: false,
            additions: false,
        }
    }
}

impl Conv {
    fn out_size(&self) -> [u32; 2] {
        self.size.map(|side| match (self.upsample, self.stride, self.padding) {
            (true, ..) => 2 * side,
            (false, 2, 0) => side / 2,
            (false, 2, _) => side.div_ceil(2),
            _ => side,
        })
    }

    fn case(&self) -> Case {
        let mut b = Builder::new(self.size, self.x[0]);
        let first = b.x();
        let mut x = vec![first];
        x.extend(self.x[1..].iter().map(|&channels| b.pointwise(first, &[channels])));
        let channels = self.layers.iter().sum();
        let out = b.tensor(self.out_size(), &[channels]);
        let mut conv = graph::Conv2d {
            layers: vec![b.layer(&[channels, self.x[0], self.kernel, self.kernel])],
            x: vec![first],
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            upsample: self.upsample,
            add_embedding: None,
            residual: None,
            out,
        };
        if self.additions {
            // A tensor of the output's shape: the same convolution of the first source alone.
            b.push(Op::Conv2d(conv.clone()));
            conv.residual = Some(out);
            // An odd segment before the embedding and one after it.
            let tensor = b.embedding(&[5, channels, 2]);
            conv.add_embedding = Some(Segment { tensor, segment_ix: 1 });
        }
        let inputs = b.channels(&x);
        conv.layers = self.layers.iter().map(|&n| b.layer(&[n, inputs, self.kernel, self.kernel])).collect();
        conv.out = b.tensor(self.out_size(), &[channels]);
        let last = conv.out;
        b.push(Op::Conv2d(graph::Conv2d { x, ..conv }));
        Case::new(format!("{self:?}"), b.finish(last), self.batch)
    }

    fn check(&self) {
        self.case().check();
    }
}

#[test]
fn channels_sizes_and_batches() {
    for (x, layers) in [(1, 1), (2, 3), (6, 10), (5, 4)] {
        Conv { x: vec![x], layers: vec![layers], batch: 2, ..Conv::default() }.check();
        Conv { x: vec![x], layers: vec![layers], kernel: 1, padding: 0, ..Conv::default() }.check();
    }
    for size in [[1, 1], [3, 1], [1, 4], [2, 2], [5, 7]] {
        Conv { size, batch: 3, ..Conv::default() }.check();
    }
}

#[test]
fn stride_2_with_both_paddings() {
    for padding in [0, 1] {
        for size in [[2, 2], [3, 3], [4, 6], [5, 7], [9, 4]] {
            Conv { size, padding, stride: 2, batch: 2, ..Conv::default() }.check();
        }
    }
    Conv { size: [1, 1], stride: 2, ..Conv::default() }.check();
}

#[test]
fn upsampling() {
    for size in [[1, 1], [3, 1], [2, 3]] {
        Conv { size, upsample: true, batch: 2, ..Conv::default() }.check();
    }
}

#[test]
fn two_sources_and_stacked_layers() {
    for x in [[4, 4], [1, 3], [3, 1], [5, 2]] {
        Conv { x: x.to_vec(), batch: 2, ..Conv::default() }.check();
        Conv { x: x.to_vec(), layers: vec![2, 1, 3], kernel: 1, padding: 0, ..Conv::default() }.check();
    }
    Conv { layers: vec![3, 3, 3], ..Conv::default() }.check();
}

#[test]
fn embedding_and_residual() {
    let conv = Conv { additions: true, batch: 2, layers: vec![5], ..Conv::default() };
    conv.check();
    Conv { kernel: 1, padding: 0, x: vec![2, 3], ..conv.clone() }.check();
    Conv { stride: 2, padding: 0, ..conv.clone() }.check();
    Conv { upsample: true, size: [2, 1], layers: vec![2, 3], ..conv }.check();
}

#[test]
fn wrong_gradients_are_seen() {
    let conv = Conv { additions: true, batch: 2, x: vec![2, 1], layers: vec![2, 1], ..Conv::default() };
    conv.case().check_that_wrong_gradients_are_seen();
}
