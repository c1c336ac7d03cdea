//! Weights as the twins read them, and what every layer is made of.

/// A weight and its bias, or several stacked along the outputs; row-major, as in the checkpoint.
pub struct Layer {
    pub weight: Vec<f64>,
    pub bias: Vec<f64>,
}

/// x · σ(x).
pub fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// Σ a\[i\] · b\[i\].
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
