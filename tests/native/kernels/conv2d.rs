//! conv2d: sources, strides, paddings, upsampling, stacked layers, and what is added at the end.

use ddpm::graph::{self, Op, Segment};
use ddpm::rng::{Stream, word_block};

use super::{Builder, Case};
use crate::gpu::methods;

/// A convolution; by default 3 × 3 on 5 × 7 pixels, 8 channels in and out.
#[derive(Clone, Debug)]
pub struct Conv {
    pub batch: u32,
    pub size: [u32; 2],
    /// Channels of each source.
    pub x: Vec<u32>,
    /// Outputs of each stacked layer.
    pub layers: Vec<u32>,
    /// Segments of the output; none is one.
    pub segments: Vec<u32>,
    pub kernel: u32,
    pub stride: u32,
    pub padding: u32,
    pub upsample: bool,
    pub embedding: bool,
    pub residual: bool,
}

impl Default for Conv {
    fn default() -> Self {
        Self {
            batch: 1,
            size: [5, 7],
            x: vec![8],
            layers: vec![8],
            segments: vec![],
            kernel: 3,
            stride: 1,
            padding: 1,
            upsample: false,
            embedding: false,
            residual: false,
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

    /// A network with it at the end.
    pub fn case(&self) -> Case {
        let mut b = Builder::new(self.size, self.x[0]);
        let first = b.x();
        let mut x = vec![first];
        x.extend(self.x[1..].iter().map(|&channels| b.pointwise(first, &[channels])));
        let channels = self.layers.iter().sum();
        let segments = if self.segments.is_empty() { vec![channels] } else { self.segments.clone() };

        // An odd segment before it and one after it.
        let add_embedding = self.embedding.then(|| {
            let tensor = b.embedding(&[5, channels, 2]);
            Segment { tensor, segment_ix: 1 }
        });
        let out = b.tensor(self.out_size(), &segments);
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
        let residual = self.residual.then(|| {
            // A tensor of the output's shape: the same convolution of the first source alone.
            b.push(Op::Conv2d(conv.clone()));
            out
        });
        let inputs = b.channels(&x);
        let layers = self.layers.iter().map(|&n| b.layer(&[n, inputs, self.kernel, self.kernel])).collect();
        let out = b.tensor(self.out_size(), &segments);
        conv = graph::Conv2d { x, layers, add_embedding, residual, out, ..conv };
        b.push(Op::Conv2d(conv));
        Case::new(format!("{self:?}"), b.finish(out), self.batch)
    }

    fn check(&self) {
        self.case().check_in(methods());
    }
}

#[test]
fn channels_that_fill_no_vec4() {
    for channels in [1, 2, 3, 6, 10, 33] {
        Conv { x: vec![channels], batch: 3, ..Conv::default() }.check();
        Conv { layers: vec![channels], ..Conv::default() }.check();
        Conv { x: vec![channels], layers: vec![channels], kernel: 1, padding: 0, ..Conv::default() }.check();
    }
}

#[test]
fn odd_sizes_and_batches() {
    for size in [[1, 1], [3, 1], [1, 4], [5, 7], [2, 2], [9, 3]] {
        for batch in [1, 3] {
            Conv { size, batch, x: vec![6], layers: vec![10], ..Conv::default() }.check();
            Conv { size, batch, x: vec![10], layers: vec![6], kernel: 1, padding: 0, ..Conv::default() }
                .check();
        }
    }
}

#[test]
fn more_and_less_than_a_tile() {
    // K = 1 · 4, 9 · 4, 9 · 16, 9 · 68, 9 · 132; rows and channels around 32 and 64.
    for (x, layers, size) in [
        (4, 4, [2, 3]),
        (16, 31, [4, 8]),
        (16, 32, [3, 11]),
        (65, 33, [5, 13]),
        (132, 64, [8, 8]),
        (20, 65, [8, 9]),
        (12, 130, [11, 12]),
    ] {
        Conv { x: vec![x], layers: vec![layers], size, ..Conv::default() }.check();
        Conv { x: vec![x], layers: vec![layers], size, kernel: 1, padding: 0, batch: 2, ..Conv::default() }
            .check();
    }
}

#[test]
fn stride_2_with_both_paddings() {
    for padding in [0, 1] {
        for size in [[8, 8], [2, 2], [6, 10], [5, 7], [3, 3], [9, 4]] {
            Conv { size, padding, stride: 2, batch: 2, x: vec![6], layers: vec![12], ..Conv::default() }
                .check();
        }
    }
    Conv { size: [1, 1], stride: 2, ..Conv::default() }.check();
}

#[test]
fn upsampling_in_the_addressing() {
    for size in [[1, 1], [3, 1], [4, 4], [5, 7]] {
        Conv { size, upsample: true, batch: 3, x: vec![10], layers: vec![7], ..Conv::default() }.check();
    }
}

#[test]
fn two_sources() {
    for x in [[4, 4], [6, 10], [1, 3], [3, 1], [33, 2], [5, 40]] {
        Conv { x: x.to_vec(), batch: 2, ..Conv::default() }.check();
        Conv { x: x.to_vec(), layers: vec![13], kernel: 1, padding: 0, ..Conv::default() }.check();
    }
}

#[test]
fn stacked_layers_in_segments() {
    for (head_dim, heads) in [(3, 1), (3, 4), (8, 1), (8, 3), (1, 6), (5, 2)] {
        let (layers, segments) = (vec![heads * head_dim; 3], vec![head_dim; 3 * heads as usize]);
        let qkv = Conv { layers, segments, kernel: 1, padding: 0, batch: 2, ..Conv::default() };
        qkv.check();
        Conv { residual: true, ..qkv }.check();
    }
    Conv { layers: vec![6], segments: vec![1, 5], ..Conv::default() }.check();
}

#[test]
fn embedding_and_residual_in_the_epilogue() {
    for (embedding, residual) in [(true, false), (false, true), (true, true)] {
        for channels in [4, 7, 32, 41] {
            let conv = Conv { embedding, residual, batch: 3, layers: vec![channels], ..Conv::default() };
            conv.check();
            Conv { kernel: 1, padding: 0, x: vec![6, 7], ..conv.clone() }.check();
            Conv { stride: 2, padding: 0, ..conv.clone() }.check();
            Conv { upsample: true, size: [3, 2], ..conv }.check();
        }
    }
}

#[test]
fn random_shapes() {
    for draw in 0..40 {
        let words: Vec<u32> = (0..4).flat_map(|i| word_block(2020, Stream::DataOrder, 0, draw, i)).collect();
        let below = |i: usize, n: u32| words[i] % n;
        let mut x = vec![1 + below(0, 40)];
        if below(1, 2) == 1 {
            x.push(1 + below(2, 40));
        }
        let (kernel, stride, upsample) =
            [(1, 1, false), (3, 1, false), (3, 2, false), (3, 1, true)][below(3, 4) as usize];
        let conv = Conv {
            batch: 1 + below(4, 3),
            size: [2 + below(5, 9), 2 + below(6, 9)],
            x,
            layers: (0..1 + below(7, 2)).map(|i| 1 + below(8 + i as usize, 40)).collect(),
            segments: vec![],
            kernel,
            stride,
            padding: if stride == 2 { below(10, 2) } else { kernel / 2 },
            upsample,
            embedding: below(11, 2) == 1,
            residual: below(12, 2) == 1,
        };
        conv.check();
    }
}
