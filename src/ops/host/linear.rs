//! Host kernel of `shaders/linear.wgsl`: out\[n, o\] = Σ_i w\[o, i\] · x\[n, i\] + bias\[o\], or of silu(x).

use std::borrow::Cow;

use super::math::silu;
use super::rows::{add_four_products, columns_a_task, tiles};
use super::share::share;
use crate::gpu::{Call, Level, vectorised};
use crate::ops::linear::Linear;

/// Rows of a task: each weight that is loaded serves them all.
const ROWS: usize = 16;

/// The layer.
pub fn linear(call: &mut Call<'_>) {
    let params: Linear = call.params();
    let (rows, inputs, outputs) =
        (params.rows as usize, params.in_quads as usize * 4, params.out_quads as usize * 4);
    let level = call.level();
    let x = activated(level, &call.read(0)[..rows * inputs], params.silu != 0);
    let (weights, bias) = (&call.read(1)[..inputs * outputs], call.read(2));
    let columns = columns_a_task(inputs);
    let tiles = tiles(&mut call.write(3)[..rows * outputs], outputs, ROWS, columns);
    let in_a_row = outputs.div_ceil(columns).max(1);
    share(call.team(), tiles.into_iter(), |ix, tile| {
        let (first_row, first) = (ix / in_a_row * ROWS, ix % in_a_row * columns);
        multiply(level, &x[first_row * inputs..], inputs, &weights[first..], outputs, &bias[first..], tile);
    });
}

/// silu(x), or x.
pub(super) fn activated(level: Level, x: &[f32], silu: bool) -> Cow<'_, [f32]> {
    if !silu {
        return Cow::Borrowed(x);
    }
    let mut out = x.to_vec();
    silu_of(level, &mut out);
    Cow::Owned(out)
}

vectorised! {
    fn silu_of<'a>(simd: S, x: &'a mut [f32]) {
        for x in x {
            *x = silu::<S>(*x);
        }
    }
}

vectorised! {
    /// Rows of a tile = rows of `x` · weights + bias; weights: `[inputs, outputs]`.
    fn multiply<'a>(
        simd: S,
        x: &'a [f32],
        inputs: usize,
        weights: &'a [f32],
        outputs: usize,
        bias: &'a [f32],
        tile: Vec<&'a mut [f32]>,
    ) {
        for out in &mut tile {
            out.copy_from_slice(&bias[..out.len()]);
        }
        for (first, weights) in (0..inputs).step_by(4).zip(weights.chunks((4 * outputs).max(1))) {
            let weights = [0, 1, 2, 3].map(|input| &weights[input * outputs..]);
            for (out, x) in tile.iter_mut().zip(x.chunks_exact(inputs)) {
                add_four_products::<S>(out, [0, 1, 2, 3].map(|input| x[first + input]), weights);
            }
        }
    }
}
