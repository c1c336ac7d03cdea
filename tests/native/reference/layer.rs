//! Weights as the twins read them, and what every layer is made of.

/// A weight and its bias, or several stacked along the outputs; row-major, as in the checkpoint. Gradients are kept
/// in the same form.
pub struct Layer {
    pub weight: Vec<f64>,
    pub bias: Vec<f64>,
}

impl Layer {
    /// A gradient to add to: zeros of the same lengths.
    pub fn zeros_like(&self) -> Self {
        Self { weight: vec![0.0; self.weight.len()], bias: vec![0.0; self.bias.len()] }
    }
}

/// x · σ(x).
pub fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// d silu(x) / dx = σ(x) · (1 + x · (1 − σ(x))).
pub fn d_silu(x: f64) -> f64 {
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    sigmoid * (1.0 + x * (1.0 - sigmoid))
}

/// Σ a\[i\] · b\[i\].
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// to\[i\] += factor · x\[i\].
pub fn add_scaled(to: &mut [f64], factor: f64, x: &[f64]) {
    assert_eq!(to.len(), x.len(), "lengths differ");
    for (to, x) in to.iter_mut().zip(x) {
        *to += factor * x;
    }
}
