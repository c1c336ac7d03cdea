//! Are these numbers independent draws of N(0, 1)? Moments, neighbours, and Kolmogorov–Smirnov.

use super::compare::assert_fails;

/// Asserts that `draws` pass for independent standard normals: mean, variance, skewness, kurtosis, the
/// correlation of draws 1 to 4 apart (within 4.5 standard errors each) and Kolmogorov–Smirnov (D·√n ≤ 1.95,
/// the 0.1 % point).
pub fn assert_standard_normal(name: &str, draws: &[f64]) {
    let n = draws.len() as f64;
    let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / n;
    let mut statistics = vec![
        ("mean".to_string(), moment(1), 1.0),
        ("variance − 1".to_string(), moment(2) - 1.0, 2.0),
        ("third moment".to_string(), moment(3), 15.0),
        ("fourth moment − 3".to_string(), moment(4) - 3.0, 96.0),
    ];
    for lag in 1..=4 {
        let product = draws.iter().zip(&draws[lag..]).map(|(a, b)| a * b).sum::<f64>() / (n - lag as f64);
        statistics.push((format!("correlation at lag {lag}"), product, 1.0));
    }
    for (what, value, variance) in statistics {
        let errors = value / (variance / n).sqrt();
        println!("{name}: {what} {value:+.2e}, {errors:+.2} standard errors");
        assert!(errors.abs() <= 4.5, "{name}: {what} {value:e} is {errors:.2} standard errors");
    }
    let distance = kolmogorov_smirnov(draws) * n.sqrt();
    println!("{name}: Kolmogorov–Smirnov D·√n = {distance:.3}");
    assert!(distance <= 1.95, "{name}: Kolmogorov–Smirnov D·√n = {distance}");
}

/// The largest distance between the draws' distribution function and N(0, 1)'s.
fn kolmogorov_smirnov(draws: &[f64]) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let expected = normal_cdf(x);
            (expected - i as f64 / n).max((i + 1) as f64 / n - expected)
        })
        .fold(0.0, f64::max)
}

/// Φ(x) to 1e-12: φ(x) times the series x + x³/3 + x⁵/(3·5) + …, from 1/2.
fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-16 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[test]
fn the_normal_cdf_has_its_known_values() {
    for (x, want) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (-1.0, 0.158_655_253_931_457_07),
        (1.959_963_984_540_054, 0.975),
        (-3.0, 0.001_349_898_031_630_094_6),
        (5.0, 0.999_999_713_348_428_1),
    ] {
        assert!((normal_cdf(x) - want).abs() < 1e-12, "Φ({x}) = {}", normal_cdf(x));
    }
}

#[test]
fn draws_that_are_not_normal_fail() {
    let mut draws = vec![0.0; 100_000];
    ddpm::rng::fill_normals(5, ddpm::rng::Stream::ForwardNoise, 3, 1, &mut draws);
    assert_standard_normal("right", &draws);
    type Spoil = fn(usize, f64) -> f64;
    let wrong: [(&str, Spoil); 6] = [
        ("shifted", |_, x| x + 0.02),
        ("scaled", |_, x| x * 1.02),
        ("absolute", |_, x| x.abs()),
        ("coarse", |_, x| (x * 4.0).round() / 4.0),
        ("clipped", |_, x| x.clamp(-2.5, 2.5)),
        ("one NaN", |i, x| if i == 7 { f64::NAN } else { x }),
    ];
    for (what, spoil) in wrong {
        let spoilt: Vec<f64> = draws.iter().enumerate().map(|(i, &x)| spoil(i, x)).collect();
        assert_fails(what, || assert_standard_normal(what, &spoilt));
    }
    let repeated: Vec<f64> = draws[..50_000].iter().flat_map(|&x| [x, x]).collect();
    assert_fails("repeated", || assert_standard_normal("repeated", &repeated));
}
