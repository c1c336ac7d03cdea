//! Comparators. Each names what it compared, and fails on NaN, on infinity and on a wrong length.

/// max |got − want|; infinite if any difference is not a number.
pub fn max_abs<G, W>(got: &[G], want: &[W]) -> f64
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    differences(got, want).fold(0.0, f64::max)
}

/// mean |got − want|; infinite if any difference is not a number.
pub fn mean_abs<G, W>(got: &[G], want: &[W]) -> f64
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    differences(got, want).sum::<f64>() / want.len() as f64
}

/// ‖got − want‖ / ‖want‖; infinite if any difference is not a number, or if only `want` is all zeros.
pub fn relative_l2<G, W>(got: &[G], want: &[W]) -> f64
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    let difference = differences(got, want).map(|d| d * d).sum::<f64>().sqrt();
    let norm = want.iter().map(|&w| w.into().powi(2)).sum::<f64>().sqrt();
    if difference == 0.0 { 0.0 } else { difference / norm }
}

/// |got − want| of each element; infinite where it is not a number.
fn differences<G, W>(got: &[G], want: &[W]) -> impl Iterator<Item = f64>
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    assert_eq!(got.len(), want.len(), "lengths differ");
    assert!(!want.is_empty(), "nothing to compare");
    got.iter().zip(want).map(|(&g, &w)| {
        let difference = (g.into() - w.into()).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    })
}

/// Asserts |got − want| ≤ `tolerance`·(1 + |want|) for every element, and prints the largest share of it
/// used.
pub fn assert_close<G, W>(name: &str, got: &[G], want: &[W], tolerance: f64)
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    let scaled: Vec<f64> =
        differences(got, want).zip(want).map(|(d, &w)| d / (1.0 + w.into().abs())).collect();
    // Infinity over infinity is NaN, which max would ignore.
    let worst = scaled.iter().map(|&s| if s.is_nan() { f64::INFINITY } else { s }).fold(0.0, f64::max);
    verdict(name, "max |Δ| / (1 + |want|)", worst, tolerance);
}

/// Asserts max |got − want| ≤ `tolerance`.
pub fn assert_max_abs<G, W>(name: &str, got: &[G], want: &[W], tolerance: f64)
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    verdict(name, "max |Δ|", max_abs(got, want), tolerance);
}

/// Asserts mean |got − want| ≤ `tolerance`.
pub fn assert_mean_abs<G, W>(name: &str, got: &[G], want: &[W], tolerance: f64)
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    verdict(name, "mean |Δ|", mean_abs(got, want), tolerance);
}

/// Asserts ‖got − want‖ / ‖want‖ ≤ `tolerance`.
pub fn assert_relative_l2<G, W>(name: &str, got: &[G], want: &[W], tolerance: f64)
where
    G: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    verdict(name, "relative L2", relative_l2(got, want), tolerance);
}

fn verdict(name: &str, measure: &str, found: f64, tolerance: f64) {
    println!("{name}: {measure} = {found:.3e} (at most {tolerance:.1e})");
    assert!(found <= tolerance, "{name}: {measure} = {found:e}, expected at most {tolerance:e}");
}

/// Asserts that `f` panics: for feeding a comparator a wrong answer.
pub fn assert_fails(name: &str, f: impl FnOnce() + std::panic::UnwindSafe) {
    assert!(std::panic::catch_unwind(f).is_err(), "{name}: a wrong answer passed");
}

#[test]
fn comparators_pass_right_answers_and_fail_wrong_ones() {
    type Comparator = fn(&str, &[f64], &[f64], f64);
    let comparators: [(&str, Comparator); 4] = [
        ("assert_close", assert_close),
        ("assert_max_abs", assert_max_abs),
        ("assert_mean_abs", assert_mean_abs),
        ("assert_relative_l2", assert_relative_l2),
    ];
    for (name, compare) in comparators {
        compare(name, &[1.0, -2.0, 3.0], &[1.0, -2.0, 3.0], 0.0);
        compare(name, &[1.0, -2.0, 3.0 + 1e-6], &[1.0, -2.0, 3.0], 1e-5);
        compare(name, &[0.0, 0.0], &[0.0, 0.0], 1e-5);
        let wrong: [(&str, &[f64], &[f64]); 8] = [
            ("too large", &[1.0, -2.0, 3.001], &[1.0, -2.0, 3.0]),
            ("too small", &[1.0, -2.001, 3.0], &[1.0, -2.0, 3.0]),
            ("NaN found", &[1.0, f64::NAN, 3.0], &[1.0, -2.0, 3.0]),
            ("NaN expected", &[1.0, -2.0, 3.0], &[1.0, f64::NAN, 3.0]),
            ("infinite", &[1.0, -2.0, f64::INFINITY], &[1.0, -2.0, 3.0]),
            ("infinity expected", &[1.0, -2.0, f64::INFINITY], &[1.0, -2.0, f64::INFINITY]),
            ("too short", &[1.0, -2.0], &[1.0, -2.0, 3.0]),
            ("nothing", &[], &[]),
        ];
        for (what, got, want) in wrong {
            assert_fails(&format!("{name}, {what}"), || compare(name, got, want, 1e-5));
        }
    }
    assert_fails("assert_fails itself", || assert_fails("nothing wrong", || ()));
}
