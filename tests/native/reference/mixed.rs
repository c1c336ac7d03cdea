//! What mixed precision does to a convolution's operands.

use half::f16;

/// `values` as matrix units read them: multiplied by `scale`, rounded to f16, no larger than the largest f16; then as f64, divided
/// by `scale`.
pub fn rounded(values: &[f64], scale: f64) -> Vec<f64> {
    let largest = f64::from(f16::MAX);
    let one = |&value: &f64| {
        let scaled = (value * scale).clamp(-largest, largest);
        f16::from_f32(scaled as f32).to_f64() / scale
    };
    values.iter().map(one).collect()
}

#[test]
fn rounding_keeps_eleven_bits() {
    assert_eq!(
        rounded(&[1.0, 1.0 + 2f64.powi(-11), -1.0 - 3.0 * 2f64.powi(-12)], 1.0),
        [1.0, 1.0, -1.0009765625]
    );
    assert_eq!(rounded(&[1e9, -1e9], 1.0), [65504.0, -65504.0]);
    assert_eq!(rounded(&[1e-9], 1.0), [0.0]);
    let kept = rounded(&[1e-9], 2f64.powi(30))[0];
    assert!((kept / 1e-9 - 1.0).abs() < 2f64.powi(-11), "{kept}");
}
