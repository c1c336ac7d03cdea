//! softmax and its gradient, in place: columns that fill no vec4, flat and sharp rows, anything in the padding.

use ddpm::error::Result;
use ddpm::gpu::{Buffer, GpuContext, Recorder};
use ddpm::ops::softmax::{self, Softmax};

use super::{TOLERANCE, assert_fails, assert_relative_l2, assert_same_bits, block_on, normals};
use crate::gpu::{devices, name as device_name};

/// What is in the padding, and in a row after the last.
const STALE: f32 = -55.0;

/// Rows of `columns`, in memory.
#[derive(Clone, Copy)]
struct Rows {
    rows: usize,
    columns: usize,
}

impl Rows {
    fn params(self, scale: f32) -> Softmax {
        let [rows, columns, quads] = [self.rows, self.columns, self.columns.div_ceil(4)].map(|n| n as u32);
        Softmax { rows, columns, quads, scale }
    }

    /// The rows with `padding`, and one row more of [`STALE`].
    fn memory(self, values: &[f32], padding: f32) -> Vec<f32> {
        let width = self.columns.next_multiple_of(4);
        let mut memory = vec![padding; self.rows * width];
        for (row, values) in memory.chunks_exact_mut(width).zip(values.chunks_exact(self.columns)) {
            row[..self.columns].copy_from_slice(values);
        }
        memory.extend(vec![STALE; width]);
        memory
    }

    /// Asserts that the rows are `want`, their padding zero and the row after them untouched.
    fn assert_is(self, name: &str, memory: &[f32], want: &[f64]) {
        let width = self.columns.next_multiple_of(4);
        let (rows, after) = memory.split_at(self.rows * width);
        let mut found = Vec::with_capacity(want.len());
        for row in rows.chunks_exact(width) {
            let (values, padding) = row.split_at(self.columns);
            found.extend_from_slice(values);
            assert!(padding.iter().all(|&value| value == 0.0), "{name}: {padding:?} in the padding");
        }
        assert!(after.iter().all(|&value| value == STALE), "{name}: written after the last row");
        assert_relative_l2(name, &found, want, TOLERANCE);
    }
}

/// exp(x − max x) / Σ exp(x − max x) of each row.
fn softmax_rows(values: &[f32], columns: usize) -> Vec<f64> {
    let softmax_row = |row: &[f32]| -> Vec<f64> {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = row.iter().map(|&x| (f64::from(x) - f64::from(largest)).exp()).collect();
        let total: f64 = powers.iter().sum();
        powers.iter().map(|power| power / total).collect()
    };
    values.chunks_exact(columns).flat_map(softmax_row).collect()
}

/// scale · p · (d − Σ p d) of each row.
fn softmax_gradient(weights: &[f32], d_weights: &[f32], columns: usize, scale: f32) -> Vec<f64> {
    let rows = weights.chunks_exact(columns).zip(d_weights.chunks_exact(columns));
    let gradient_row = |(weights, d_weights): (&[f32], &[f32])| -> Vec<f64> {
        let pairs: Vec<(f64, f64)> =
            weights.iter().zip(d_weights).map(|(&p, &d)| (p.into(), d.into())).collect();
        let mean: f64 = pairs.iter().map(|(p, d)| p * d).sum();
        pairs.iter().map(|(p, d)| f64::from(scale) * p * (d - mean)).collect()
    };
    rows.flat_map(gradient_row).collect()
}

/// The rows after `record`, having seen that they come out the same again.
fn run(
    gpu: &GpuContext,
    memory: &[f32],
    record: impl Fn(&mut Recorder<'_>, &Buffer) -> Result<()>,
) -> Vec<f32> {
    let once = || {
        let values = gpu.buffer_with("values", memory).expect("memory");
        let mut recorder = Recorder::new(gpu);
        record(&mut recorder, &values).expect("recorded");
        recorder.finish().submit(gpu);
        block_on(gpu.read(&values)).expect("values")
    };
    let found = once();
    assert_same_bits("values", &once(), &found);
    found
}

const SHAPES: [(usize, usize); 10] =
    [(1, 1), (3, 2), (64, 3), (65, 4), (2, 5), (7, 13), (130, 35), (5, 64), (9, 70), (70, 257)];

#[test]
fn rows_become_weights() {
    for (rows, columns) in SHAPES {
        for deviation in [1e-3, 1.0, 30.0] {
            let shape = Rows { rows, columns };
            let values = normals(1, rows * columns, 2.0, deviation);
            let want = softmax_rows(&values, columns);
            let params = shape.params(f32::NAN);
            for gpu in devices() {
                // Larger than any value: it must not count as the largest.
                let found = run(gpu, &shape.memory(&values, 1e4), |recorder, values| {
                    softmax::record(recorder, "softmax", &params, values)
                });
                let name = device_name(gpu);
                let name = format!("{name}: {rows} rows of {columns}, deviation {deviation}");
                shape.assert_is(&name, &found, &want);
            }
        }
    }
}

#[test]
fn gradients_of_weights_become_gradients_of_scores() {
    for (rows, columns) in SHAPES {
        // Sharper ones leave gradients that are rounding alone: p · (1 − p).
        for deviation in [1e-3, 1.0, 2.0] {
            let shape = Rows { rows, columns };
            let scores = normals(1, rows * columns, 2.0, deviation);
            let weights: Vec<f32> = softmax_rows(&scores, columns).iter().map(|&p| p as f32).collect();
            let d_weights = normals(2, rows * columns, 0.3, 1.0);
            let want = softmax_gradient(&weights, &d_weights, columns, 0.37);
            let params = shape.params(0.37);
            for gpu in devices() {
                let weights = gpu.buffer_with("weights", &shape.memory(&weights, 0.0)).expect("memory");
                let found = run(gpu, &shape.memory(&d_weights, STALE), |recorder, d_values| {
                    softmax::record_backward(recorder, "softmax", &params, &weights, d_values)
                });
                let name = device_name(gpu);
                let name = format!("{name}: {rows} rows of {columns}, deviation {deviation}, backward");
                shape.assert_is(&name, &found, &want);
            }
        }
    }
}

#[test]
fn wrong_rows_are_seen() {
    let shape = Rows { rows: 3, columns: 6 };
    let values = normals(1, 18, 0.0, 1.0);
    let want = softmax_rows(&values, 6);
    let right: Vec<f32> = want.iter().map(|&p| p as f32).collect();
    let memory = shape.memory(&right, 0.0);
    shape.assert_is("right", &memory, &want);
    for (what, place, value) in [
        ("a weight", 3, 0.5),
        ("padding", 7, 1e-30),
        ("the last row's padding", 22, f32::NAN),
        ("after it", 24, 0.0),
    ] {
        let mut memory = memory.clone();
        memory[place] = value;
        assert_fails(what, || shape.assert_is("spoilt", &memory, &want));
    }
    // The gradient without its mean, and without its scale.
    let d_weights = normals(2, 18, 0.3, 1.0);
    let want = softmax_gradient(&right, &d_weights, 6, 0.37);
    let without_mean: Vec<f32> = right.iter().zip(&d_weights).map(|(p, d)| 0.37 * p * d).collect();
    let without_scale: Vec<f32> = want.iter().map(|d| (d / 0.37) as f32).collect();
    for spoilt in [without_mean, without_scale] {
        assert_fails("gradient", || shape.assert_is("spoilt", &shape.memory(&spoilt, 0.0), &want));
    }
}
