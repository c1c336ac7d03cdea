//! attention: numbers of pixels and heads that fill no tile, sharp and flat weights.

use ddpm::graph::Op;

use super::{Builder, Case};

fn check(size: [u32; 2], heads: u32, head_dim: u32, deviation: f64, batch: u32) {
    let mut b = Builder::with_segments(size, &vec![head_dim; 3 * heads as usize]);
    let (qkv, out) = (b.x(), b.tensor(size, &vec![head_dim; heads as usize]));
    b.push(Op::Attention { qkv, heads, head_dim, out });
    let name = format!("{size:?} pixels, {heads} heads of {head_dim}, deviation {deviation}, batch {batch}");
    Case::with_x(name, b.finish(out), batch, 0.0, deviation).check();
}

#[test]
fn pixels_that_fill_no_tile() {
    // 1, 2, 3, 35, 49, 64, 65, 81, 256.
    for size in [[1, 1], [1, 2], [3, 1], [5, 7], [7, 7], [8, 8], [5, 13], [9, 9], [16, 16]] {
        check(size, 1, 8, 1.0, 2);
        check(size, 2, 3, 1.0, 1);
    }
}

#[test]
fn heads_of_every_width() {
    for (heads, head_dim) in
        [(1, 1), (3, 1), (1, 2), (4, 3), (2, 4), (3, 5), (2, 8), (5, 6), (8, 8), (1, 33), (1, 64)]
    {
        check([5, 7], heads, head_dim, 1.0, 1);
        check([3, 3], heads, head_dim, 1.0, 3);
    }
}

/// Logits of hundreds: exp of them is infinite, exp of what is left after the largest is not.
#[test]
fn sharp_and_flat_weights() {
    for deviation in [1e-3, 3.0, 10.0] {
        check([7, 7], 2, 8, deviation, 2);
    }
}
