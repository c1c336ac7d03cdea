//! Host kernel of `shaders/sum_partials.wgsl`: out\[row\] = Σ_i partials\[row, i\], or out\[row\] += it.

use super::rows::{add_rows, columns_a_task, rows_a_task};
use crate::gpu::{Call, vectorised};
use crate::ops::sum_partials::SumPartials;

/// Words that stay in the nearest cache while partial sums are added to them.
const BLOCK: usize = 1024;

/// The sums: tasks are some rows, or where there is one, some of its columns.
pub fn sum_partials(call: &mut Call<'_>) {
    let params: SumPartials = call.params();
    let (level, partials, accumulate) = (call.level(), call.read(0), params.accumulate != 0);
    let (count, width) = (params.count as usize, params.width as usize * 4);
    let (rows, stride) = (params.rows as usize, params.out_stride as usize * 4);
    let out = &mut call.write(1)[params.out_offset as usize * 4..];
    if rows == 1 {
        let columns = columns_a_task(count);
        call.team().for_each_piece(&mut out[..width], columns, |task, out| {
            sum(level, &partials[task * columns..], width, count, accumulate, out);
        });
        return;
    }
    let rows_a_task = rows_a_task(count * width);
    let out = &mut out[..rows.saturating_sub(1) * stride + width];
    call.team().for_each_piece(out, rows_a_task * stride, |task, out| {
        for (row, out) in (task * rows_a_task..rows).zip(out.chunks_mut(stride)) {
            let partials = &partials[row * count * width..];
            sum(level, partials, width, count, accumulate, &mut out[..width]);
        }
    });
}

vectorised! {
    /// out = or += the sum of the first words of `count` rows that lie `stride` words apart.
    fn sum<'a>(
        simd: S, rows: &'a [f32], stride: usize, count: usize, accumulate: bool, out: &'a mut [f32],
    ) {
        for (out, first) in out.chunks_mut(BLOCK).zip((0..).step_by(BLOCK)) {
            if !accumulate {
                out.fill(0.0);
            }
            if let Some(last) = count.checked_sub(1) {
                add_rows(out, &rows[first..first + last * stride + out.len()], stride);
            }
        }
    }
}
