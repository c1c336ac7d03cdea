//! Comparators. Each names what it compared, and fails on NaN, on infinity and on a wrong length.

use std::collections::BTreeMap;

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

/// What gradients of whole U-Nets hold in [`assert_gradients_close`].
pub const NETWORK_GRADIENTS: f64 = 1e-4;

/// Asserts for the gradient g of every tensor, by name, ‖found − g‖ ≤ `tolerance`·‖g‖ + 1e-6·‖all gradients‖, and
/// prints the largest share of that used.
///
/// The second term is for gradients that are zero but for rounding, as that of a key's bias under a softmax.
pub fn assert_gradients_close<F, W>(
    name: &str,
    found: &BTreeMap<String, Vec<F>>,
    want: &BTreeMap<String, Vec<W>>,
    tolerance: f64,
) where
    F: Copy + Into<f64>,
    W: Copy + Into<f64>,
{
    assert!(found.keys().eq(want.keys()), "{name}: other tensors than expected");
    let norm = |squares: &mut dyn Iterator<Item = f64>| squares.sum::<f64>().sqrt();
    let square = |&w: &W| w.into().powi(2);
    let all = norm(&mut want.values().flatten().map(square));
    let shares = want.iter().map(|(tensor, gradient)| {
        let difference = norm(&mut differences(&found[tensor], gradient).map(|d| d * d));
        let allowed = tolerance * norm(&mut gradient.iter().map(square)) + 1e-6 * all;
        let share = if difference == 0.0 { 0.0 } else { difference / allowed };
        // Infinity over infinity.
        (if share.is_nan() { f64::INFINITY } else { share }, tensor)
    });
    let (worst, tensor) = shares.max_by(|a, b| a.0.total_cmp(&b.0)).expect("gradients to compare");
    verdict(&format!("{name}, {tensor}"), "‖Δ‖ / allowed", worst, 1.0);
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

#[test]
fn wrong_gradients_are_seen() {
    let gradients = |weight: [f64; 3], bias: [f64; 2]| {
        BTreeMap::from([("weight".to_owned(), weight.to_vec()), ("bias".to_owned(), bias.to_vec())])
    };
    let want = gradients([30.0, -40.0, 0.0], [1e-7, 0.0]);
    let check = |found: &BTreeMap<String, Vec<f64>>| {
        assert_gradients_close("gradients", found, &want, NETWORK_GRADIENTS)
    };
    check(&want);
    // ‖weight‖ = 50 = ‖all‖: 5.05e-3 for the weight, 5e-5 for the bias.
    check(&gradients([30.0, -40.0, 5e-3], [1e-7, 4e-5]));
    assert_gradients_close(
        "nothing",
        &gradients([0.0; 3], [0.0; 2]),
        &gradients([0.0; 3], [0.0; 2]),
        NETWORK_GRADIENTS,
    );
    let mut wrong = vec![
        ("scaled by 1.001", gradients([30.03, -40.04, 0.0], [1e-7, 0.0])),
        ("zeroed", gradients([0.0; 3], [1e-7, 0.0])),
        ("of the other sign", gradients([-30.0, 40.0, 0.0], [1e-7, 0.0])),
        ("a small tensor far off", gradients([30.0, -40.0, 0.0], [6e-5, 0.0])),
        ("NaN", gradients([30.0, f64::NAN, 0.0], [1e-7, 0.0])),
        ("infinite", gradients([30.0, f64::INFINITY, 0.0], [1e-7, 0.0])),
    ];
    let mut missing = want.clone();
    missing.remove("bias");
    let (mut renamed, mut short) = (missing.clone(), want.clone());
    renamed.insert("other".to_owned(), vec![1e-7, 0.0]);
    short.insert("bias".to_owned(), vec![1e-7]);
    wrong.extend([("missing", missing), ("renamed", renamed), ("short", short)]);
    for (what, found) in &wrong {
        assert_fails(what, || check(found));
    }
    assert_fails("infinity expected", || {
        let infinite = gradients([f64::INFINITY, 0.0, 0.0], [0.0; 2]);
        assert_gradients_close("spoilt", &infinite, &infinite, NETWORK_GRADIENTS);
    });
    assert_fails("nothing at all", || {
        assert_gradients_close(
            "none",
            &BTreeMap::<_, Vec<f64>>::new(),
            &BTreeMap::<_, Vec<f64>>::new(),
            NETWORK_GRADIENTS,
        );
    });
}
