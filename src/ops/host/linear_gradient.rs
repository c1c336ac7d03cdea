//! Host kernel of `shaders/linear_gradient.wgsl`: d_w\[o, i\] = Σ_n d_out\[n, o\] · f(x\[n, i\]), d_bias\[o\] = Σ_n d_out\[n, o\],
//! d_x\[n, i\] = f'(x\[n, i\]) · Σ_o w\[o, i\] · d_out\[n, o\], f = silu or nothing.

use super::linear::activated;
use super::math::{dot, silu_gradient};
use super::rows::{add_four_products, add_product, add_rows, rows_a_task, tiles};
use super::share::share;
use crate::gpu::{Call, vectorised};
use crate::ops::linear_gradient::LinearGradient;

impl LinearGradient {
    /// Rows, inputs and outputs.
    fn sizes(&self) -> [usize; 3] {
        [self.rows as usize, self.in_quads as usize * 4, self.out_quads as usize * 4]
    }
}

/// d_w += …
pub fn linear_weight_gradient(call: &mut Call<'_>) {
    let params: LinearGradient = call.params();
    let [rows, inputs, outputs] = params.sizes();
    let level = call.level();
    let x = activated(level, &call.read(0)[..rows * inputs], params.silu != 0);
    let d_out = &call.read(2)[..rows * outputs];
    let d_weights = &mut call.write(3)[..inputs * outputs];
    let inputs_a_task = rows_a_task(rows * outputs);
    call.team().for_each_piece(d_weights, inputs_a_task * outputs, |task, d_weights| {
        weights_of_inputs(level, &x, inputs, d_out, outputs, task * inputs_a_task, d_weights);
    });
}

vectorised! {
    fn weights_of_inputs<'a>(
        simd: S,
        x: &'a [f32],
        inputs: usize,
        d_out: &'a [f32],
        outputs: usize,
        first: usize,
        d_weights: &'a mut [f32],
    ) {
        for (input, d_weights) in (first..).zip(d_weights.chunks_exact_mut(outputs)) {
            for (x, d_out) in x.chunks(4 * inputs).zip(d_out.chunks(4 * outputs)) {
                if x.len() == 4 * inputs {
                    let x = [0, 1, 2, 3].map(|row| x[row * inputs + input]);
                    add_four_products::<S>(d_weights, x, [0, 1, 2, 3].map(|row| &d_out[row * outputs..]));
                    continue;
                }
                for (x, d_out) in x.chunks_exact(inputs).zip(d_out.chunks_exact(outputs)) {
                    add_product::<S>(d_weights, x[input], d_out);
                }
            }
        }
    }
}

/// d_bias += …
pub fn linear_bias_gradient(call: &mut Call<'_>) {
    let params: LinearGradient = call.params();
    let [rows, _, outputs] = params.sizes();
    let d_bias = &mut call.write(4)[..outputs];
    bias_of_rows(call.level(), &call.read(2)[..rows * outputs], d_bias);
}

vectorised! {
    fn bias_of_rows<'a>(simd: S, d_out: &'a [f32], d_bias: &'a mut [f32]) {
        add_rows(d_bias, d_out, d_bias.len().max(1));
    }
}

/// d_x = or += …
pub fn linear_input_gradient(call: &mut Call<'_>) {
    let params: LinearGradient = call.params();
    let [rows, inputs, outputs] = params.sizes();
    let (level, add) = (call.level(), params.accumulate != 0);
    let layer = Layer {
        x: &call.read(0)[..rows * inputs],
        weights: &call.read(1)[..inputs * outputs],
        d_out: &call.read(2)[..rows * outputs],
        inputs,
        outputs,
        silu: params.silu != 0,
    };
    // Cache lines that no two tasks write.
    let columns = rows_a_task(rows * outputs).next_multiple_of(16);
    let tiles = tiles(&mut call.write(5)[..rows * inputs], inputs, rows, columns);
    share(call.team(), tiles.into_iter(), |ix, tile| {
        input_of_columns(level, layer, ix * columns, add, tile);
    });
}

/// What the input's gradient is made of.
#[derive(Clone, Copy)]
struct Layer<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    d_out: &'a [f32],
    inputs: usize,
    outputs: usize,
    silu: bool,
}

vectorised! {
    /// The inputs from `first` on, as many as the rows of the tile have.
    fn input_of_columns<'a>(
        simd: S, layer: Layer<'a>, first: usize, add: bool, tile: Vec<&'a mut [f32]>,
    ) {
        let Layer { x, weights, d_out, inputs, outputs, silu } = layer;
        let (x, weights) = (&x[first..], &weights[first * outputs..]);
        let columns = tile.first().map_or(0, |row| row.len());
        // A row of weights is loaded once for all rows of `d_out`.
        for (column, weights) in weights.chunks_exact(outputs).enumerate().take(columns) {
            let rows = tile.iter_mut().zip(x.chunks(inputs)).zip(d_out.chunks_exact(outputs));
            for ((d_x, x), d_out) in rows {
                let mut sum = dot(simd, weights, d_out);
                if silu {
                    sum *= silu_gradient::<S>(x[column]);
                }
                d_x[column] = if add { d_x[column] + sum } else { sum };
            }
        }
    }
}
