//! group_norm: groups of every width, two sources, conditioning, and inputs far from zero.

use ddpm::graph::{Op, Segment};

use super::{Builder, Case};

/// A normalisation; by default 4 groups of 2 channels on 5 × 7 pixels.
#[derive(Clone, Debug)]
struct Norm {
    batch: u32,
    size: [u32; 2],
    /// Channels of each source.
    x: Vec<u32>,
    groups: u32,
    scale_shift: bool,
    silu: bool,
    /// Of the first source.
    mean: f64,
    deviation: f64,
}

impl Default for Norm {
    fn default() -> Self {
        let (x, mean, deviation) = (vec![8], 0.0, 1.0);
        Self { batch: 2, size: [5, 7], x, groups: 4, scale_shift: false, silu: false, mean, deviation }
    }
}

impl Norm {
    fn check(&self) {
        let mut b = Builder::new(self.size, self.x[0]);
        let first = b.x();
        let mut x = vec![first];
        x.extend(self.x[1..].iter().map(|&channels| b.pointwise(first, &[channels])));
        let channels = b.channels(&x);
        let scale_shift = self.scale_shift.then(|| {
            let tensor = b.embedding(&[3, channels, channels]);
            [1, 2].map(|segment_ix| Segment { tensor, segment_ix })
        });
        let layer = b.layer(&[channels]);
        let out = b.tensor(self.size, &self.x);
        let (groups, silu) = (self.groups, self.silu);
        b.push(Op::GroupNorm { x, layer, groups, eps: 1e-6, scale_shift, silu, dropout: 0.0, out });
        let (name, graph) = (format!("{self:?}"), b.finish(out));
        Case::with_x(name, graph, self.batch, self.mean, self.deviation).check();
    }
}

#[test]
fn groups_of_every_width() {
    for (channels, groups) in
        [(1, 1), (2, 1), (2, 2), (3, 1), (6, 3), (6, 2), (10, 5), (10, 2), (33, 11), (33, 33)]
    {
        for batch in [1, 3] {
            Norm { x: vec![channels], groups, batch, ..Norm::default() }.check();
        }
    }
    for (channels, groups) in [(32, 32), (64, 32), (128, 32), (24, 8), (40, 1), (256, 8)] {
        Norm { x: vec![channels], groups, silu: true, ..Norm::default() }.check();
    }
}

#[test]
fn sizes_from_one_pixel_to_many() {
    for size in [[1, 1], [3, 1], [2, 2], [7, 9], [16, 16], [33, 31], [64, 64]] {
        Norm { size, silu: true, ..Norm::default() }.check();
        Norm { size, x: vec![6], groups: 6, batch: 1, ..Norm::default() }.check();
    }
}

#[test]
fn groups_across_two_sources() {
    for (x, groups) in
        [([6, 10], 4), ([4, 4], 2), ([1, 3], 1), ([3, 1], 2), ([5, 7], 6), ([33, 3], 9), ([16, 32], 8)]
    {
        Norm { x: x.to_vec(), groups, ..Norm::default() }.check();
        Norm { x: x.to_vec(), groups, silu: true, size: [1, 1], batch: 3, ..Norm::default() }.check();
    }
}

#[test]
fn scale_and_shift() {
    for (x, groups) in [(vec![8], 4), (vec![6], 3), (vec![10], 10), (vec![6, 10], 4), (vec![3, 6], 3)] {
        for silu in [false, true] {
            Norm { x: x.clone(), groups, silu, scale_shift: true, batch: 3, ..Norm::default() }.check();
        }
    }
}

/// E\[x²\] − E\[x\]² would lose everything here.
#[test]
fn inputs_far_from_zero() {
    for (mean, deviation) in [(100.0, 1.0), (-100.0, 1.0), (3.0, 0.05), (0.0, 1e-3), (0.0, 1e4)] {
        for (x, groups, size) in [(8, 4, [5, 7]), (6, 6, [16, 16]), (32, 8, [32, 32]), (10, 1, [3, 1])] {
            Norm { x: vec![x], groups, size, mean, deviation, silu: true, ..Norm::default() }.check();
        }
    }
    // All alike: nothing is left but the bias.
    Norm { mean: 0.1, deviation: 0.0, ..Norm::default() }.check();
}
