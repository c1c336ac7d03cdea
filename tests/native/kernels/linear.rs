//! linear: lengths, batches, stacked layers whose rows the segments divide differently.

use ddpm::graph::Op;

use super::{Builder, Case, gpu};

fn case(inputs: u32, layers: &[u32], segments: &[u32], silu: bool, batch: u32) -> Case {
    let mut b = Builder::new([1, 1], inputs);
    let (x, out) = (b.x(), b.tensor([1, 1], segments));
    let layers_of = layers.iter().map(|&n| b.layer(&[n, inputs])).collect();
    b.push(Op::Linear { x, silu, layers: layers_of, out });
    let name = format!("{inputs} → {layers:?} as {segments:?}, silu {silu}, batch {batch}");
    Case::new(name, b.finish(out), batch)
}

fn check(inputs: u32, layers: &[u32], segments: &[u32], silu: bool, batch: u32) {
    case(inputs, layers, segments, silu, batch).check();
}

#[test]
fn lengths_and_batches() {
    for (inputs, outputs) in [
        (1, 1),
        (2, 3),
        (3, 2),
        (6, 10),
        (10, 6),
        (33, 33),
        (64, 64),
        (65, 1),
        (1, 65),
        (130, 300),
        (512, 64),
    ] {
        for silu in [false, true] {
            check(inputs, &[outputs], &[outputs], silu, 1);
            check(inputs, &[outputs], &[outputs], silu, 3);
        }
    }
    check(20, &[24], &[24], true, 17);
}

#[test]
fn stacked_layers_in_segments() {
    check(16, &[8, 8], &[8, 8], true, 2);
    check(10, &[3, 5, 1], &[3, 5, 1], true, 3);
    check(10, &[6, 10], &[3, 3, 5, 5], false, 2);
    check(6, &[2, 2], &[1, 2, 1], true, 1);
    check(7, &[33, 2], &[35], false, 2);
}

/// 65535 workgroups of 64 are all that one row of a grid may hold.
#[test]
fn more_items_than_a_row_of_workgroups() {
    let (quads, batch) = (1025, 4096);
    assert!(quads * batch > 65_535 * 64);
    case(1, &[4 * quads], &[4 * quads], false, batch).check_in([(gpu().tile(), gpu())]);
}
