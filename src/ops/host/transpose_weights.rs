//! Host kernel of `shaders/transpose_weights.wgsl`: out\[taps − 1 − tap, co, ci\] = weights\[tap, ci, co\].

use super::share::share;
use crate::gpu::{Call, vectorised};
use crate::ops::conv2d::TransposeWeights;

/// Output channels of a task: those of a cache line of `weights`.
const CHANNELS: usize = 16;

/// The weights turned round.
pub fn transpose_weights(call: &mut Call<'_>) {
    let params: TransposeWeights = call.params();
    let (level, weights) = (call.level(), call.read(0));
    let [outputs, width, from_width] =
        [params.out_quads, params.width, params.weight_quads].map(|quads| quads as usize * 4);
    let (taps, of_tap) = (params.taps as usize, params.k_quads as usize * 4 * from_width);
    let out = &mut call.write(1)[..taps * outputs * width];
    let blocks = out.chunks_mut(outputs * width).flat_map(|tap| tap.chunks_mut(CHANNELS * width));
    let blocks_a_tap = outputs.div_ceil(CHANNELS);
    let (skipped, inputs) = (params.k_offset as usize * 4, params.x_quads as usize * 4);
    share(call.team(), blocks, |ix, block| {
        let (tap, first) = (taps - 1 - ix / blocks_a_tap, ix % blocks_a_tap * CHANNELS);
        let from = &weights[tap * of_tap + skipped * from_width..][..inputs * from_width];
        transpose(level, &from[first..], from_width, inputs, width, block);
    });
}

vectorised! {
    /// Rows of `out`, `width` words each, from as many columns of `from`, whose rows are `from_width` words apart.
    fn transpose<'a>(
        simd: S, from: &'a [f32], from_width: usize, inputs: usize, width: usize, out: &'a mut [f32],
    ) {
        for (first, rows) in (0..inputs).step_by(4).zip(from.chunks(4 * from_width)) {
            for (out, column) in out.chunks_mut(4 * width).zip((0..).step_by(4)) {
                for o in 0..4 {
                    for i in 0..4 {
                        out[o * width + first + i] = rows[i * from_width + column + o];
                    }
                }
            }
        }
        for row in out.chunks_mut(width) {
            row[inputs..].fill(0.0);
        }
    }
}
