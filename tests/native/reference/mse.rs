//! The twin of mse.

/// loss = Σ (output − target)² / n over all n elements, and d_output = ∂loss/∂output = 2 (output − target) / n.
///
/// output, target, d_output: [N, C, H, W].
pub fn mean_squared_error<T: Copy + Into<f64>>(output: &[f64], target: &[T]) -> (f64, Vec<f64>) {
    assert_eq!(output.len(), target.len(), "output and target");
    let count = output.len() as f64;
    let differences = output.iter().zip(target).map(|(&output, &target)| output - target.into());
    let loss = differences.clone().map(|difference| difference * difference).sum::<f64>() / count;
    (loss, differences.map(|difference| 2.0 * difference / count).collect())
}

#[test]
fn by_hand() {
    let (loss, d_output) = mean_squared_error(&[1.0, -2.0, 0.5, 3.0], &[1.0_f32, 2.0, 0.0, 3.0]);
    assert_eq!(loss, (16.0 + 0.25) / 4.0);
    assert_eq!(d_output, [0.0, -2.0, 0.25, 0.0]);
}
