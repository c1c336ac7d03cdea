//! The tables and the chains' coefficients: known β, identities between tables, and refusals.

use ddpm::error::ErrorKind;
use ddpm::schedule::*;
use ddpm::spec::{BetaSchedule, DiffusionSpec, PredictionType, VarianceType};

use super::compare::{assert_close, assert_fails, assert_max_abs};
use super::fixtures;

fn spec(beta_schedule: BetaSchedule, num_timesteps: u32) -> DiffusionSpec {
    DiffusionSpec { beta_schedule, num_timesteps, ..DiffusionSpec::default() }
}

#[test]
fn every_beta_schedule_follows_the_fixture() {
    let fixture = fixtures::json("diffusion/schedules.json");
    let tables = fixture.as_object().expect("an object");
    assert!(!tables.is_empty());
    for (key, table) in tables {
        let want: Vec<f64> =
            table["betas"].as_array().expect("betas").iter().map(|b| b.as_f64().expect("a number")).collect();
        let (name, num_timesteps) = key.rsplit_once("_T").expect("NAME_T...");
        let num_timesteps: u32 = num_timesteps.parse().expect("a number");
        let (beta_schedule, range) = match name {
            "linear_scaled" => (BetaSchedule::Linear, rescaled_linear_range(num_timesteps)),
            _ => {
                let given =
                    |key: &str, default: f64| table.get(key).map_or(default, |b| b.as_f64().expect(key));
                (
                    BetaSchedule::from_name(name).expect(name),
                    (given("beta_start", 1e-4), given("beta_end", 0.02)),
                )
            }
        };
        let spec =
            DiffusionSpec { beta_start: range.0, beta_end: range.1, ..spec(beta_schedule, num_timesteps) };
        let mut found = betas(&spec).expect(key);
        assert_max_abs(key, &found, &want, 1e-14);
        found[num_timesteps as usize / 2] += 1e-12;
        assert_fails(key, || assert_max_abs("spoilt", &found, &want, 1e-14));
    }
}

#[test]
fn schedules_have_the_names_of_diffusers_and_of_the_reference() {
    use BetaSchedule::*;
    for schedule in [Linear, Quad, Const, Jsd, Warmup10, Warmup50, SquaredCosCapV2] {
        assert_eq!(BetaSchedule::from_name(schedule.name()).expect("its own name"), schedule);
    }
    assert_eq!(BetaSchedule::from_name("quad").expect("quad"), Quad);
    assert_eq!(BetaSchedule::from_name("scaled_linear").expect("scaled_linear"), Quad);
    let error = BetaSchedule::from_name("sigmoid").expect_err("not supported");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("sigmoid") && error.to_string().contains("squaredcos_cap_v2"));
}

#[test]
fn impossible_schedules_are_refused() {
    let with = |beta_start, beta_end| DiffusionSpec { beta_start, beta_end, ..DiffusionSpec::default() };
    for (what, spec, says) in [
        ("no steps", spec(BetaSchedule::Linear, 0), "found 0"),
        ("too many steps", spec(BetaSchedule::Linear, MAX_TIMESTEPS + 1), "found 1000001"),
        ("T = 2^32 − 1", spec(BetaSchedule::Jsd, u32::MAX), "found 4294967295"),
        ("beta 0", with(0.0, 0.02), "at t = 0"),
        ("beta too small for f64", with(1e-17, 0.02), "at t = 0"),
        ("beta above 1", with(1e-4, 1.5), "at most 1"),
        ("negative beta", with(-1e-4, 0.02), "found -0.0001"),
        ("beta NaN", with(f64::NAN, 0.02), "found NaN"),
        ("beta infinite", with(1e-4, f64::INFINITY), "at t = "),
        (
            "root of a negative",
            DiffusionSpec { beta_schedule: BetaSchedule::Quad, ..with(-1.0, 0.02) },
            "NaN",
        ),
    ] {
        let error = Schedule::new(&spec).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Input, "{what}");
        assert!(error.to_string().contains(says), "{what}: {error}");
        ddpm_steps(&spec, 1).expect_err(what);
    }
    assert_eq!(betas(&spec(BetaSchedule::Linear, 1)).expect("T = 1"), [1e-4]);
    assert_eq!(betas(&spec(BetaSchedule::Warmup10, 5)).expect("no warm-up"), [0.02; 5]);
    assert_eq!(betas(&spec(BetaSchedule::Linear, MAX_TIMESTEPS)).expect("T = 10^6").len(), 1_000_000);
    let one = Schedule::new(&spec(BetaSchedule::Linear, 1)).expect("T = 1");
    assert_eq!((one.posterior_variance[0], one.posterior_log_variance_clipped[0]), (0.0, 1e-4f64.ln()));
}

#[test]
fn tables_agree_with_each_other() {
    let s = Schedule::new(&spec(BetaSchedule::Linear, 1000)).expect("the paper's");
    let n = s.betas.len();
    let tables = [
        &s.alphas_cumprod,
        &s.alphas_cumprod_prev,
        &s.alphas_cumprod_next,
        &s.sqrt_alphas_cumprod,
        &s.sqrt_one_minus_alphas_cumprod,
        &s.log_one_minus_alphas_cumprod,
        &s.sqrt_recip_alphas_cumprod,
        &s.sqrt_recipm1_alphas_cumprod,
        &s.posterior_variance,
        &s.posterior_log_variance_clipped,
        &s.posterior_mean_coef1,
        &s.posterior_mean_coef2,
    ];
    assert!(tables.iter().all(|table| table.len() == n && table.iter().all(|x| x.is_finite())));
    assert_eq!((s.alphas_cumprod_prev[0], s.alphas_cumprod_next[n - 1]), (1.0, 0.0));
    assert_eq!((s.posterior_variance[0], s.posterior_mean_coef2[0]), (0.0, 0.0));
    assert_eq!(s.posterior_log_variance_clipped[0], s.posterior_variance[1].ln());
    for t in 0..n {
        let (ac, prev) = (s.alphas_cumprod[t], s.alphas_cumprod_prev[t]);
        assert!((ac / prev - (1.0 - s.betas[t])).abs() < 1e-14);
        assert!(t == 0 || s.alphas_cumprod_next[t - 1] == ac && s.alphas_cumprod[t - 1] == prev);
        assert!((s.sqrt_alphas_cumprod[t] * s.sqrt_recip_alphas_cumprod[t] - 1.0).abs() < 1e-14);
        let noise_per_signal = s.sqrt_one_minus_alphas_cumprod[t] / s.sqrt_alphas_cumprod[t];
        assert!((s.sqrt_recipm1_alphas_cumprod[t] / noise_per_signal - 1.0).abs() < 1e-11);
        assert!((s.log_one_minus_alphas_cumprod[t].exp() - (1.0 - ac)).abs() < 1e-14);
        // Bayes' rule: precisions add, and the mean is the precision-weighted one.
        let (alpha, beta) = (1.0 - s.betas[t], s.betas[t]);
        if t > 0 {
            let variance = 1.0 / (alpha / beta + 1.0 / (1.0 - prev));
            assert!((s.posterior_variance[t] / variance - 1.0).abs() < 1e-9);
            assert!((s.posterior_mean_coef1[t] / (variance * prev.sqrt() / (1.0 - prev)) - 1.0).abs() < 1e-9);
            assert!((s.posterior_mean_coef2[t] / (variance * alpha.sqrt() / beta) - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn leading_timesteps_are_those_of_diffusers() {
    let all: Vec<u32> = (0..1000).rev().collect();
    assert_eq!(leading_timesteps(1000, 1000, 0).expect("all"), all);
    assert_eq!(leading_timesteps(1000, 1, 0).expect("one"), [0]);
    assert_eq!(leading_timesteps(1000, 4, 0).expect("four"), [750, 500, 250, 0]);
    assert_eq!(leading_timesteps(1000, 4, 1).expect("offset"), [751, 501, 251, 1]);
    assert_eq!(leading_timesteps(1000, 3, 0).expect("not a divisor"), [666, 333, 0]);
    assert_eq!(leading_timesteps(1000, 600, 0).expect("ratio 1")[..2], [599, 598]);
    for (t, steps, offset) in [(1000, 0, 0), (1000, 1001, 0), (0, 1, 0), (1000, 1000, 1), (10, 2, u32::MAX)] {
        let error = leading_timesteps(t, steps, offset).expect_err("out of range");
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert!(error.to_string().contains(&steps.to_string()), "{error}");
    }
}

#[test]
fn the_steps_of_a_full_chain_are_the_schedules_tables() {
    for variance_type in [VarianceType::FixedSmall, VarianceType::FixedLarge, VarianceType::LearnedRange] {
        let spec = DiffusionSpec { variance_type, ..DiffusionSpec::default() };
        let s = Schedule::new(&spec).expect("the paper's");
        let mut steps = ddpm_steps(&spec, spec.num_timesteps).expect("the paper's");
        steps.reverse();
        let column = |of: fn(&StepCoefficients) -> f64| steps.iter().map(of).collect::<Vec<f64>>();
        assert!(steps.iter().zip(0..).all(|(step, t)| step.t == t && step.pred_noise_coef == 0.0));
        assert_close("x_start_coef", &column(|c| c.x_start_coef), &s.posterior_mean_coef1, 1e-11);
        assert_close("x_t_coef", &column(|c| c.x_t_coef), &s.posterior_mean_coef2, 1e-11);
        assert_eq!(column(|c| c.x_start_of_x_t), s.sqrt_recip_alphas_cumprod);
        assert_eq!(column(|c| -c.x_start_of_output), s.sqrt_recipm1_alphas_cumprod);
        assert_eq!(column(|c| c.sqrt_alphas_cumprod), s.sqrt_alphas_cumprod);
        assert_eq!(column(|c| c.sqrt_one_minus_alphas_cumprod), s.sqrt_one_minus_alphas_cumprod);

        let small = s.posterior_log_variance_clipped.clone();
        let mut large: Vec<f64> = s.betas.iter().map(|beta| beta.ln()).collect();
        if variance_type == VarianceType::FixedLarge {
            large[0] = small[0];
        }
        let max = if variance_type == VarianceType::FixedSmall { &small } else { &large };
        assert_close("min_log_variance", &column(|c| c.min_log_variance), &small, 1e-11);
        assert_close("max_log_variance", &column(|c| c.max_log_variance), max, 1e-11);
        let sigma: Vec<f64> = match variance_type {
            VarianceType::LearnedRange => (0..1000).map(|t| if t == 0 { 0.0 } else { 1.0 }).collect(),
            _ => max.iter().zip(0..).map(|(l, t)| if t == 0 { 0.0 } else { (0.5 * l).exp() }).collect(),
        };
        assert_close("sigma", &column(|c| c.sigma), &sigma, 1e-11);
    }
}

/// A respaced chain is the full chain of a process with ᾱ taken at its timesteps alone.
#[test]
fn a_respaced_chain_is_the_shorter_process() {
    let spec = DiffusionSpec { steps_offset: 3, ..DiffusionSpec::default() };
    let s = Schedule::new(&spec).expect("the paper's");
    for sampling_steps in [1, 2, 7, 50] {
        let steps = ddpm_steps(&spec, sampling_steps).expect("a chain");
        let ac: Vec<f64> = steps.iter().map(|step| s.alphas_cumprod[step.t as usize]).collect();
        for (i, step) in steps.iter().enumerate() {
            let prev = ac.get(i + 1).copied().unwrap_or(1.0);
            // q(x_t | x_0) is kept: a·√ᾱ_t·x_0 + b·x_0 must be √ᾱ_prev·x_0.
            assert!((step.x_t_coef * ac[i].sqrt() + step.x_start_coef - prev.sqrt()).abs() < 1e-12);
            let last = i + 1 == steps.len();
            assert_eq!(step.sigma == 0.0, last, "noise in every step but the last");
            assert!(step.min_log_variance.is_finite() && step.max_log_variance.is_finite());
            if last {
                assert!((step.x_start_coef - 1.0).abs() < 1e-12 && step.x_t_coef == 0.0);
            } else {
                assert!((step.sigma.powi(2) - (1.0 - ac[i] / prev)).abs() < 1e-12);
            }
        }
    }
}

/// η = 1 is DDPM with σ² = β̃ (arXiv 2010.02502, after eq. 16), η = 0 has no noise.
#[test]
fn ddim_with_eta_1_is_ddpm_with_the_small_variance() {
    let spec = DiffusionSpec { variance_type: VarianceType::FixedSmall, ..DiffusionSpec::default() };
    for sampling_steps in [1, 20, 1000] {
        let ddpm = ddpm_steps(&spec, sampling_steps).expect("a chain");
        let ddim = ddim_steps(&spec, sampling_steps, 1.0).expect("a chain");
        for (a, b) in ddpm.iter().zip(&ddim) {
            assert_eq!((a.t, b.x_t_coef), (b.t, 0.0));
            // ε̂ = (x_t − √ᾱ·x̂_0) / √(1 − ᾱ), put into DDIM's mean.
            let x_t_coef = b.pred_noise_coef / b.sqrt_one_minus_alphas_cumprod;
            let x_start_coef = b.x_start_coef - x_t_coef * b.sqrt_alphas_cumprod;
            let found = [x_start_coef, x_t_coef, b.sigma];
            assert!(
                found.iter().zip([a.x_start_coef, a.x_t_coef, a.sigma]).all(|(f, w)| (f - w).abs() < 1e-10),
                "{a:?} {b:?}"
            );
        }
        let still = ddim_steps(&spec, sampling_steps, 0.0).expect("a chain");
        assert!(still.iter().all(|step| step.sigma == 0.0));
    }
    for eta in [-0.1, 1.1, f64::NAN] {
        assert!(ddim_steps(&spec, 10, eta).expect_err("eta").to_string().contains("eta: expected 0 to 1"));
    }
}

/// `jsd` ends at β = 1: nothing of x_0 is left in x_T, so ε says nothing of it, but a network that gives x_0,
/// the x before or v does.
#[test]
fn a_schedule_without_signal_is_sampled_only_where_that_makes_sense() {
    let jsd = |prediction_type| DiffusionSpec { prediction_type, ..spec(BetaSchedule::Jsd, 100) };
    let error = ddpm_steps(&jsd(PredictionType::Epsilon), 100).expect_err("0 / 0");
    assert!(error.to_string().contains("jsd schedule: no reverse step can be taken from t = 99"), "{error}");
    ddim_steps(&jsd(PredictionType::Epsilon), 100, 0.0).expect_err("0 / 0");
    ddpm_steps(&jsd(PredictionType::Epsilon), 50).expect("begins at t = 98");
    for prediction_type in [PredictionType::Sample, PredictionType::PreviousX, PredictionType::V] {
        let ddpm = ddpm_steps(&jsd(prediction_type), 100).expect("no division");
        let ddim = ddim_steps(&jsd(prediction_type), 100, 1.0).expect("no division");
        for step in ddpm.iter().chain(&ddim) {
            let numbers = [
                step.x_start_of_x_t,
                step.x_start_of_output,
                step.noise_of_x_t,
                step.noise_of_output,
                step.sqrt_alphas_cumprod,
                step.sqrt_one_minus_alphas_cumprod,
                step.x_start_coef,
                step.x_t_coef,
                step.output_coef,
                step.pred_noise_coef,
                step.sigma,
                step.min_log_variance,
                step.max_log_variance,
            ];
            assert!(numbers.iter().all(|&x| (x as f32).is_finite()), "{step:?}");
        }
    }
    // Every alphas_cumprod after the first hundreds is 0 in f64.
    let gone = DiffusionSpec {
        beta_end: 0.9,
        prediction_type: PredictionType::V,
        ..spec(BetaSchedule::Const, 1000)
    };
    ddpm_steps(&gone, 1000).expect_err("0 / 0");
}
