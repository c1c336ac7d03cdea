//! The twin of linear.

use super::activation::Activation;
use super::layer::{Layer, dot, silu};

/// out[o] = bias[o] + Σ weight[o, i] · f(x[i]) over i, f = silu or nothing.
///
/// x: [in], one pixel; layer: [out, in].
pub fn linear(x: &Activation, apply_silu: bool, layer: &Layer) -> Activation {
    let input: Vec<f64> = x.data.iter().map(|&value| if apply_silu { silu(value) } else { value }).collect();
    assert_eq!(layer.weight.len(), layer.bias.len() * input.len(), "weight [out, in]");
    let rows = layer.weight.chunks_exact(input.len());
    Activation::embedding(rows.zip(&layer.bias).map(|(row, bias)| bias + dot(row, &input)).collect())
}
