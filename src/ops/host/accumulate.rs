//! Host kernel of `shaders/accumulate.wgsl`: out = or += x, or of an upsampled picture the sum of each 2 × 2 pixels of x.

use super::rows::{add, rows_a_task};
use crate::gpu::{Call, vectorised};
use crate::ops::accumulate::Accumulate;

/// Words of a task: there is little to do for each.
const TASK: usize = 32 * 1024;

/// out = or += x.
pub fn accumulate(call: &mut Call<'_>) {
    let params: Accumulate = call.params();
    let (level, x) = (call.level(), call.read(0));
    let out = &mut call.write(1)[..params.count as usize * 4];
    call.team().for_each_piece(out, TASK, |task, out| {
        let x = &x[task * TASK..][..out.len()];
        if params.add == 0 {
            out.copy_from_slice(x);
        } else {
            add_words(level, x, out);
        }
    });
}

vectorised! {
    fn add_words<'a>(simd: S, x: &'a [f32], out: &'a mut [f32]) {
        add(out, x);
    }
}

/// out = or += the sums of x's pixels, two by two.
pub fn downsample(call: &mut Call<'_>) {
    let params: Accumulate = call.params();
    let (level, x) = (call.level(), call.read(0));
    let (channels, line) = (params.quads as usize * 4, (params.width * params.quads) as usize * 4);
    let out = &mut call.write(1)[..params.count as usize * 4];
    // Each takes four words of x.
    let lines_a_task = rows_a_task(line * 4);
    call.team().for_each_piece(out, lines_a_task * line, |task, out| {
        let x = &x[task * lines_a_task * line * 4..];
        downsample_lines(level, x, channels, line, params.add != 0, out);
    });
}

vectorised! {
    /// Lines of `out`, each from two of `x`.
    fn downsample_lines<'a>(
        simd: S, x: &'a [f32], channels: usize, line: usize, add: bool, out: &'a mut [f32],
    ) {
        for (x, out) in x.chunks_exact((4 * line).max(1)).zip(out.chunks_exact_mut(line.max(1))) {
            let (above, below) = x.split_at(2 * line);
            let pairs = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
            for (out, (above, below)) in out.chunks_exact_mut(channels).zip(pairs) {
                if !add {
                    out.fill(0.0);
                }
                let ([a, b], [c, d]) = (above.split_at(channels).into(), below.split_at(channels).into());
                for i in 0..out.len() {
                    out[i] += (a[i] + b[i]) + (c[i] + d[i]);
                }
            }
        }
    }
}
