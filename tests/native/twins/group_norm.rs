//! group_norm: groups of every width, two sources, conditioning, dropout.

use ddpm::graph::{Graph, Op, Segment};

use super::finite_differences::Case;
use crate::compare::{assert_fails, assert_max_abs};
use crate::kernels::builder::Builder;
use crate::reference::dropout::dropout_mask;
use crate::reference::random::{RandomParameters, normals};
use crate::reference::{Activation, Twin};

/// A normalisation; by default 4 groups of 2 channels on 3 × 4 pixels.
#[derive(Clone, Debug)]
struct Norm {
    batch: u32,
    size: [u32; 2],
    /// Channels of each source.
    x: Vec<u32>,
    groups: u32,
    scale_shift: bool,
    silu: bool,
    dropout: f32,
    /// Of the first source.
    deviation: f64,
}

impl Default for Norm {
    fn default() -> Self {
        Self {
            batch: 2,
            size: [3, 4],
            x: vec![8],
            groups: 4,
            scale_shift: false,
            silu: false,
            dropout: 0.0,
            deviation: 1.0,
        }
    }
}

impl Norm {
    fn graph(&self) -> Graph {
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
        let (groups, silu, dropout) = (self.groups, self.silu, self.dropout);
        // A large eps: beside 1e-6, two values that happen to be alike would make slopes too steep to measure.
        b.push(Op::GroupNorm { x, layer, groups, eps: 0.01, scale_shift, silu, dropout, out });
        b.finish(out)
    }

    fn case(&self) -> Case {
        let case = Case::new(format!("{self:?}"), self.graph(), self.batch);
        Case { training: (self.dropout > 0.0).then_some((9, 5)), deviation: self.deviation, ..case }
    }

    fn check(&self) {
        self.case().check();
    }
}

#[test]
fn groups_of_every_width() {
    for (channels, groups) in [(1, 1), (2, 1), (2, 2), (6, 3), (6, 2), (10, 5), (33, 11), (33, 33)] {
        for silu in [false, true] {
            Norm { x: vec![channels], groups, silu, ..Norm::default() }.check();
        }
    }
}

#[test]
fn sizes_and_deviations() {
    for size in [[1, 1], [3, 1], [2, 2], [5, 7]] {
        for deviation in [0.1, 1.0, 10.0] {
            Norm { size, deviation, silu: true, batch: 3, ..Norm::default() }.check();
        }
    }
}

#[test]
fn groups_across_two_sources() {
    for (x, groups) in [([6, 10], 4), ([4, 4], 2), ([1, 3], 1), ([3, 1], 2), ([5, 7], 6)] {
        Norm { x: x.to_vec(), groups, silu: true, ..Norm::default() }.check();
    }
}

#[test]
fn scale_and_shift() {
    for (x, groups) in [(vec![8], 4), (vec![6], 3), (vec![10], 10), (vec![6, 10], 4), (vec![3, 6], 3)] {
        for silu in [false, true] {
            Norm { x: x.clone(), groups, silu, scale_shift: true, ..Norm::default() }.check();
        }
    }
}

#[test]
fn dropout() {
    for dropout in [0.1, 0.5, 0.9] {
        Norm { dropout, silu: true, batch: 3, ..Norm::default() }.check();
        let (x, groups) = (vec![6, 3], 3);
        Norm { dropout, silu: true, scale_shift: true, x, groups, ..Norm::default() }.check();
    }
}

/// The mask of sample n is that of training sample first + n and of the operation's number, here 1; without training
/// there is none.
#[test]
fn dropout_multiplies_by_its_mask() {
    let norm = Norm { dropout: 0.4, silu: true, x: vec![6, 3], groups: 3, ..Norm::default() };
    let graph = norm.graph();
    let twin = || Twin::new(&graph, &RandomParameters::new(&graph, 2));
    let x = normals(1, 2 * 6 * 12, 0.0, 1.0);
    let predict = |twin: Twin| twin.predict(&x, &[0, 0], None);
    let masked = |layer: u32| -> Vec<f64> {
        let masks = [5, 6].map(|sample| dropout_mask(9, layer, sample, 0.4, [3, 4], 9));
        let masks = masks.iter().flat_map(Activation::to_planes);
        predict(twin()).iter().zip(masks).map(|(out, factor)| out * factor).collect()
    };
    let found = predict(twin().training(9, 5));
    assert_max_abs("dropout", &found, &masked(1), 0.0);
    assert_fails("another layer", || assert_max_abs("spoilt", &found, &masked(2), 0.1));
    assert_fails("no dropout", || assert_max_abs("spoilt", &predict(twin()), &masked(1), 0.1));
}

#[test]
fn wrong_gradients_are_seen() {
    let norm =
        Norm { scale_shift: true, silu: true, dropout: 0.3, x: vec![2, 4], groups: 3, ..Norm::default() };
    norm.case().check_that_wrong_gradients_are_seen();
}
