//! attention: q, k and v of one head and of several, in one pixel and in many.

use ddpm::graph::Op;

use super::finite_differences::Case;
use crate::kernels::builder::Builder;

fn case(size: [u32; 2], heads: u32, head_dim: u32, deviation: f64, batch: u32) -> Case {
    let mut b = Builder::with_segments(size, &vec![head_dim; 3 * heads as usize]);
    let (qkv, out) = (b.x(), b.tensor(size, &vec![head_dim; heads as usize]));
    b.push(Op::Attention { qkv, heads, head_dim, out });
    let name = format!("{size:?} pixels, {heads} heads of {head_dim}, deviation {deviation}, batch {batch}");
    // The only tensor is the input: look closely.
    Case { elements: 24, directions: 4, deviation, ..Case::new(name, b.finish(out), batch) }
}

#[test]
fn queries_keys_and_values() {
    for size in [[1, 1], [1, 2], [3, 1], [5, 7]] {
        for (heads, head_dim) in [(1, 1), (1, 8), (2, 3), (3, 1), (4, 5)] {
            case(size, heads, head_dim, 1.0, 2).check();
        }
    }
    for deviation in [0.1, 3.0] {
        case([3, 3], 2, 4, deviation, 1).check();
    }
}

#[test]
fn wrong_gradients_are_seen() {
    case([2, 3], 2, 3, 1.0, 2).check_that_wrong_gradients_are_seen();
}
