//! Host kernel of `shaders/channel_sums.wgsl`: partials\[sample, chunk\] = Σ x\[sample, p\] over the chunk's pixels p.

use super::rows::{Chunks, add_rows, rows_a_task};
use crate::gpu::{Call, vectorised};
use crate::ops::channel_sums::ChannelSums;

/// The sums of all chunks.
pub fn channel_sums(call: &mut Call<'_>) {
    let params: ChannelSums = call.params();
    let (level, x, width) = (call.level(), call.read(0), params.quads as usize * 4);
    let chunks = Chunks { pixels: params.pixels as usize, chunk: params.chunk as usize };
    let partials = &mut call.write(1)[..params.samples as usize * chunks.count() * width];
    let chunks_a_task = rows_a_task(chunks.chunk * width);
    call.team().for_each_piece(partials, chunks_a_task * width, |task, partials| {
        sum_chunks(level, x, width, chunks, task * chunks_a_task, partials);
    });
}

vectorised! {
    fn sum_chunks<'a>(
        simd: S, x: &'a [f32], width: usize, chunks: Chunks, first: usize, partials: &'a mut [f32],
    ) {
        for (ix, sums) in (first..).zip(partials.chunks_exact_mut(width)) {
            let pixels = chunks.pixels_of(ix);
            sums.fill(0.0);
            add_rows(sums, &x[pixels.start * width..pixels.end * width], width);
        }
    }
}
