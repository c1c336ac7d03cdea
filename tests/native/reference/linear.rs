//! The twin of linear.

use super::activation::Activation;
use super::layer::{Layer, add_scaled, d_silu, dot, silu};

/// out[o] = bias[o] + Σ weight[o, i] · f(x[i]) over i, f = silu or nothing.
///
/// x: [in], one pixel; layer: [out, in].
pub fn linear(x: &Activation, apply_silu: bool, layer: &Layer) -> Activation {
    let input = input(x, apply_silu);
    assert_eq!(layer.weight.len(), layer.bias.len() * input.len(), "weight [out, in]");
    let rows = layer.weight.chunks_exact(input.len());
    Activation::embedding(rows.zip(&layer.bias).map(|(row, bias)| bias + dot(row, &input)).collect())
}

/// The gradients of [`linear`]: d_x and d_layer.
///
/// d_weight[o, i] = d_out[o] · f(x[i]), d_bias = d_out, d_x[i] = f'(x[i]) · Σ weight[o, i] · d_out[o] over o.
pub fn linear_backward(
    x: &Activation,
    apply_silu: bool,
    layer: &Layer,
    d_out: &Activation,
) -> (Activation, Layer) {
    let input = input(x, apply_silu);
    let mut d_layer = layer.zeros_like();
    let mut d_x = vec![0.0; input.len()];
    for (o, &d) in d_out.data.iter().enumerate() {
        let row = o * input.len()..(o + 1) * input.len();
        d_layer.bias[o] = d;
        add_scaled(&mut d_layer.weight[row.clone()], d, &input);
        add_scaled(&mut d_x, d, &layer.weight[row]);
    }
    if apply_silu {
        d_x.iter_mut().zip(&x.data).for_each(|(d, &value)| *d *= d_silu(value));
    }
    (Activation::embedding(d_x), d_layer)
}

/// What the weights see: f(x).
fn input(x: &Activation, apply_silu: bool) -> Vec<f64> {
    x.data.iter().map(|&value| if apply_silu { silu(value) } else { value }).collect()
}
