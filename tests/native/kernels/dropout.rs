//! dropout: the mask of the random numbers, forward and backward.

use std::collections::BTreeMap;

use ddpm::graph::{Graph, Op};

use super::super::compare::{assert_fails, assert_relative_l2};
use super::super::gpu::tilings;
use super::super::gradients::{Batch, gradients};
use super::super::reference::Twin;
use super::{Builder, Case, TOLERANCE};

/// A normalisation with dropout between two others, so that layers have different numbers.
fn network(size: [u32; 2], x: &[u32], rate: f32) -> Graph {
    let mut b = Builder::new(size, x[0]);
    let first = b.x();
    let mut sources = vec![first];
    sources.extend(x[1..].iter().map(|&channels| b.pointwise(first, &[channels])));
    let mut last = sources;
    for dropout in [0.0, rate, rate / 2.0] {
        let layer = b.layer(&[b.channels(&last)]);
        let out = b.tensor(size, x);
        b.push(Op::GroupNorm {
            x: last,
            layer,
            groups: 1,
            eps: 1e-2,
            scale_shift: None,
            silu: true,
            dropout,
            out,
        });
        last = vec![out];
    }
    b.finish(last[0])
}

/// The output in training with the mask of `seed` from `first_sample` on.
fn outputs(graph: &Graph, case: &Case, (seed, first_sample): (u64, u32)) -> (Vec<f64>, Vec<Vec<f32>>) {
    let twin = Twin::new(graph, &case.parameters).training(seed, first_sample);
    let want = twin.predict(&case.x, &case.timesteps, None);
    let d_output = vec![0.0; want.len()];
    let batch = Batch {
        x: &case.x,
        timesteps: &case.timesteps,
        labels: None,
        d_output: &d_output,
        training: Some((seed, first_sample)),
    };
    (want, tilings().map(|(_, gpu)| gradients(gpu, graph, &case.parameters, &batch).0).collect())
}

#[test]
fn the_twins_mask_forward_and_backward() {
    for (size, x, rate) in
        [([5, 7], vec![6], 0.3), ([4, 4], vec![8], 0.1), ([3, 1], vec![5, 3], 0.5), ([7, 7], vec![33], 0.9)]
    {
        let graph = network(size, &x, rate);
        let mut case = Case::new(format!("dropout {rate} of {x:?} at {size:?}"), graph.clone(), 3);
        let training = (0x1_0000_0007, 41);
        let (want, found) = outputs(&graph, &case, training);
        for found in found {
            assert_relative_l2(&case.name, &found, &want, TOLERANCE);
        }
        // The forward pass outside of training drops nothing; the gradients are training's.
        case.training = Some(training);
        case.check();
    }
}

#[test]
fn other_masks_are_seen() {
    let graph = network([5, 7], &[6], 0.3);
    let case = Case::new("dropout".to_owned(), graph.clone(), 3);
    let (want, _) = outputs(&graph, &case, (7, 0));
    for other in [(8, 0), (7, 1), (7 + (1 << 32), 0)] {
        let (_, found) = outputs(&graph, &case, other);
        assert_fails("another mask", || assert_relative_l2("spoilt", &found[0], &want, TOLERANCE));
    }
}

/// Of many elements the expected share is kept, and none but for 1 / (1 − rate).
#[test]
fn the_rate_is_kept() {
    let rate = 0.25;
    let mut b = Builder::new([16, 16], 8);
    let x = b.x();
    let layer = b.layer(&[8]);
    let out = b.tensor([16, 16], &[8]);
    b.push(Op::GroupNorm {
        x: vec![x],
        layer,
        groups: 1,
        eps: 1e-2,
        scale_shift: None,
        silu: false,
        dropout: rate,
        out,
    });
    let graph = b.finish(out);
    let case = Case::new("rate".to_owned(), graph.clone(), 4);
    let (_, found) = outputs(&graph, &case, (3, 0));
    let plain = Twin::new(&graph, &case.parameters).predict(&case.x, &case.timesteps, None);
    let mut shares: BTreeMap<i64, usize> = BTreeMap::new();
    for (found, plain) in found[0].iter().zip(&plain) {
        *shares.entry((f64::from(*found) / plain * 1e4).round() as i64).or_default() += 1;
    }
    let kept =
        shares.iter().filter(|(ratio, _)| (**ratio - 13_333).abs() <= 3).map(|(_, n)| n).sum::<usize>();
    let dropped = shares.get(&0).copied().unwrap_or(0);
    let n = plain.len() as f64;
    assert!(kept + dropped >= plain.len() - 8, "{shares:?}");
    // Five standard deviations.
    let allowed = 5.0 * (n * f64::from(rate) * f64::from(1.0 - rate)).sqrt();
    assert!((dropped as f64 - n * f64::from(rate)).abs() <= allowed, "{dropped} of {n}");
}
