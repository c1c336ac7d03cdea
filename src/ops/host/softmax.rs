//! Host kernel of `shaders/softmax.wgsl`: values = exp(values − max) / Σ exp(values − max) of each row, in place, and its gradient,
//! values = scale · weights · (values − Σ weights · values).

use super::math::{dot, exp_on, highest, sum};
use super::rows::rows_a_task;
use crate::gpu::{Call, vectorised};
use crate::ops::softmax::Softmax;

/// Each row's softmax; its padding becomes zero.
pub fn softmax(call: &mut Call<'_>) {
    let params: Softmax = call.params();
    let (level, width, columns) = (call.level(), params.quads as usize * 4, params.columns as usize);
    let values = &mut call.write(1)[..params.rows as usize * width];
    call.team().for_each_piece(values, rows_a_task(width) * width, |_, values| {
        softmax_of_rows(level, width, columns, values);
    });
}

vectorised! {
    fn softmax_of_rows<'a>(simd: S, width: usize, columns: usize, values: &'a mut [f32]) {
        for row in values.chunks_exact_mut(width) {
            let highest = highest(simd, &row[..columns]);
            // A bounded number in the padding, so that whole quads are computed.
            row[columns..].fill(highest);
            for value in &mut *row {
                *value = exp_on::<S>(*value - highest);
            }
            row[columns..].fill(0.0);
            let factor = 1.0 / sum(simd, row);
            for value in row {
                *value *= factor;
            }
        }
    }
}

/// Each row's gradient.
pub fn softmax_backward(call: &mut Call<'_>) {
    let params: Softmax = call.params();
    let (level, weights, width) = (call.level(), call.read(0), params.quads as usize * 4);
    let values = &mut call.write(1)[..params.rows as usize * width];
    let piece = rows_a_task(width) * width;
    call.team().for_each_piece(values, piece, |task, values| {
        gradient_of_rows(level, width, params.scale, &weights[task * piece..], values);
    });
}

vectorised! {
    fn gradient_of_rows<'a>(simd: S, width: usize, scale: f32, weights: &'a [f32], values: &'a mut [f32]) {
        for (values, weights) in values.chunks_exact_mut(width).zip(weights.chunks_exact(width)) {
            let mean = dot(simd, weights, values);
            for (value, weight) in values.iter_mut().zip(weights) {
                *value = weight * (*value - mean) * scale;
            }
        }
    }
}
