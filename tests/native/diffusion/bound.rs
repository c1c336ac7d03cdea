//! The variational bound against the reference code's, and its two densities on their own.

use ddpm::diffusion::bound::{bound_term, discretized_gaussian_log_likelihood, normal_kl, prior_bpd};
use ddpm::diffusion::q_sample;
use ddpm::schedule::{Schedule, rescaled_linear_range};
use ddpm::spec::{DiffusionSpec, PredictionType, VarianceType};

use super::{TOLERANCE, ddpm_by_t, toy_model};
use crate::compare::{assert_close, assert_fails};
use crate::fixtures::Fixture;

fn assert_fits(name: &str, mut found: Vec<f64>, want: &[f64]) {
    assert_close(name, &found, want, TOLERANCE);
    found[0] += 1e-3 * (1.0 + want[0].abs());
    assert_fails(name, || assert_close("spoilt", &found, want, TOLERANCE));
}

/// The T = 40 process of the whole bounds in gaussian_diffusion.safetensors.
pub fn short_process(variance_type: VarianceType) -> DiffusionSpec {
    let (beta_start, beta_end) = rescaled_linear_range(40);
    DiffusionSpec { num_timesteps: 40, beta_start, beta_end, variance_type, ..DiffusionSpec::default() }
}

/// Every whole bound: its columns are t = T − 1 down to 0, while row t of `bpd.noise` is that of t.
#[test]
fn the_whole_bound_follows_the_reference() {
    let fixture = Fixture::load("diffusion/gaussian_diffusion.safetensors");
    let (x_start, noise) = (fixture.f64("x_start"), fixture.f64("bpd.noise"));
    let pictures = x_start.shape[0];
    for (name, variance_type) in
        [("fixed_large", VarianceType::FixedLarge), ("fixed_small", VarianceType::FixedSmall)]
    {
        let spec = short_process(variance_type);
        let schedule = Schedule::new(&spec).expect("a schedule");
        let steps = ddpm_by_t(&spec);
        let (mut vb, mut xstart_mse, mut mse) = (vec![], vec![], vec![]);
        let (mut prior, mut total) = (vec![], vec![]);
        for i in 0..pictures {
            let x0 = x_start.row(i);
            prior.push(prior_bpd(&schedule, x0));
            total.push(prior[i]);
            for t in (0..spec.num_timesteps).rev() {
                let n = x0.len();
                let noise = &noise.row(t as usize)[i * n..(i + 1) * n];
                let x_t = q_sample(&schedule, x0, t, noise);
                let step = &steps[t as usize];
                let term = bound_term(&spec, &schedule, step, [x0, &x_t, noise], &toy_model(&x_t, t));
                total[i] += term.vb;
                vb.push(term.vb);
                xstart_mse.push(term.xstart_mse);
                mse.push(term.mse);
            }
        }
        for (part, found) in
            [("vb", vb), ("xstart_mse", xstart_mse), ("mse", mse), ("prior_bpd", prior), ("total_bpd", total)]
        {
            let name = format!("bpd.{name}.{part}");
            assert_fits(&name, found, &fixture.f64(&name).data);
        }
    }
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("the paper's");
    let prior: Vec<f64> = (0..pictures).map(|i| prior_bpd(&schedule, x_start.row(i))).collect();
    // All of it is about 1e-5: so relative, not absolute.
    let scaled = |values: &[f64]| values.iter().map(|bits| bits * 1e5).collect::<Vec<f64>>();
    assert_fits("prior_bpd", scaled(&prior), &scaled(&fixture.f64("prior_bpd").data));
}

/// With one Gaussian for every x_0, the decoder is a distribution over 256 levels.
#[test]
fn the_decoder_is_a_distribution_over_the_levels() {
    for (mean, log_scale) in [(0.0, -1.0), (0.3, -3.0), (-0.99, -2.0), (1.0, -4.5), (0.1, 1.5)] {
        let level = |i: u32| f64::from(i) / 127.5 - 1.0;
        let total: f64 =
            (0..256).map(|i| discretized_gaussian_log_likelihood(level(i), mean, log_scale).exp()).sum();
        // What 1e-12 a level at least adds.
        assert!((total - 1.0).abs() < 1e-9, "N({mean}, e^{log_scale}): {total}");
    }
}

/// Far from the mean, and where a level is a ten-thousandth of σ, the two values of Φ agree in most of their digits.
#[test]
fn the_decoder_does_not_cancel() {
    // The density times the width, which a level this narrow has; 0.044715 puts it off by 2e-4.
    let log_scale = 3.0_f64;
    for z in [-1.5, -0.5, 0.0, 1.0, 1.5] {
        let found = discretized_gaussian_log_likelihood(0.0, z * log_scale.exp(), log_scale);
        let density = -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln() - log_scale;
        let want = density + (2.0_f64 / 255.0).ln();
        assert!((found - want).abs() < 2e-2, "z = {z}: {found}, density {want}");
    }
    // Φ's two sides: as likely above the mean as below it.
    for x in [0.2, 0.05] {
        let (above, below) = (
            discretized_gaussian_log_likelihood(x, 0.0, -4.0),
            discretized_gaussian_log_likelihood(-x, 0.0, -4.0),
        );
        assert!((above - below).abs() < 1e-12, "{above} and {below}");
    }
}

#[test]
fn the_divergence_of_two_normals_is_their_integral() {
    for [m1, v1, m2, v2] in
        [[0.0, 0.0, 0.0, 0.0], [0.3, -1.0, -0.2, 0.5], [1.0, 0.0, 1.0, 1e-3], [0.0, -8.0, 0.01, -8.1]]
    {
        let density =
            |x: f64, m: f64, v: f64| -0.5 * ((x - m).powi(2) * (-v).exp() + v + std::f64::consts::TAU.ln());
        let (sigma, n) = (f64::exp(0.5 * v1), 20_000);
        let width = 24.0 * sigma / f64::from(n);
        let integral: f64 = (0..n)
            .map(|i| m1 - 12.0 * sigma + (f64::from(i) + 0.5) * width)
            .map(|x| density(x, m1, v1).exp() * (density(x, m1, v1) - density(x, m2, v2)) * width)
            .sum();
        let found = normal_kl(m1, v1, m2, v2);
        assert!((found - integral).abs() < 1e-10, "{found}, integral {integral}");
    }
    // (1e-7)² / 4, which 1 + x − e^x would lose.
    let small = normal_kl(0.0, 0.0, 0.0, 1e-7);
    assert!((small / 2.5e-15 - 1.0).abs() < 1e-6, "{small}");
}

/// A network that knows x_0 leaves only the prior and what a level costs.
#[test]
fn an_exact_network_has_no_divergence() {
    let spec = DiffusionSpec {
        prediction_type: PredictionType::Sample,
        variance_type: VarianceType::FixedSmall,
        ..DiffusionSpec::default()
    };
    let schedule = Schedule::new(&spec).expect("the paper's");
    let steps = ddpm_by_t(&spec);
    let (x_start, noise) = ([-1.0, -0.2, 0.6, 1.0], [0.3, -1.2, 0.1, 2.0]);
    for t in [0, 1, 500, 999] {
        let x_t = q_sample(&schedule, &x_start, t, &noise);
        let step = &steps[t as usize];
        let term = bound_term(&spec, &schedule, step, [&x_start, &x_t, &noise], &x_start);
        assert!(term.xstart_mse == 0.0 && term.mse < 1e-20, "{term:?}");
        assert!(if t == 0 { term.vb > 0.0 } else { term.vb.abs() < 1e-12 }, "t = {t}: {term:?}");
    }
}
