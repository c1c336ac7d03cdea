//! The mathematics of diffusion against the reference code's `GaussianDiffusion` and diffusers' schedulers.

pub mod bound;
mod loss;

use std::collections::BTreeSet;

use ddpm::diffusion::*;
use ddpm::rng::{Stream, fill_normals};
use ddpm::schedule::{Schedule, StepCoefficients, ddim_steps, ddpm_steps};
use ddpm::spec::{DiffusionSpec, PredictionType, VarianceType};

use crate::compare::{assert_close, assert_fails};
use crate::fixtures::{Fixture, Tensor};

const TOLERANCE: f64 = 1e-5;
const PREDICTIONS: [(&str, PredictionType); 2] =
    [("epsilon", PredictionType::Epsilon), ("start_x", PredictionType::Sample)];
const ALL_PREDICTIONS: [PredictionType; 4] =
    [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V];
const VARIANCES: [(&str, VarianceType); 3] = [
    ("fixed_small", VarianceType::FixedSmall),
    ("fixed_large", VarianceType::FixedLarge),
    ("learned_range", VarianceType::LearnedRange),
];

/// gaussian_diffusion.safetensors, and which of its answers were compared.
struct Known {
    fixture: Fixture,
    schedule: Schedule,
    timesteps: Vec<u32>,
    x_start: Tensor<f64>,
    x_t: Tensor<f64>,
    noise: Tensor<f64>,
    sample_noise: Tensor<f64>,
    model_output: Tensor<f64>,
    compared: BTreeSet<String>,
}

impl Known {
    fn load() -> Self {
        let fixture = Fixture::load("diffusion/gaussian_diffusion.safetensors");
        let timesteps = fixture.i64("timestep").data.into_iter();
        Self {
            timesteps: timesteps.map(|t| u32::try_from(t).expect("a timestep")).collect(),
            x_start: fixture.f64("x_start"),
            x_t: fixture.f64("x_t"),
            noise: fixture.f64("noise"),
            sample_noise: fixture.f64("sample_noise"),
            model_output: fixture.f64("model_output"),
            schedule: Schedule::new(&DiffusionSpec::default()).expect("the paper's"),
            fixture,
            compared: BTreeSet::new(),
        }
    }

    /// The output for sample `i`, without its variance half where the variance is fixed.
    fn output(&self, spec: &DiffusionSpec, i: usize) -> &[f64] {
        let row = self.model_output.row(i);
        let learned = spec.variance_type.is_learned();
        if learned { row } else { &row[..row.len() / 2] }
    }

    /// Compares `of(sample, t)` for the whole batch with the answer called `name`; a wrong one must fail.
    fn check(&mut self, name: &str, of: impl Fn(&Self, usize, u32) -> Vec<f64>) {
        let want = self.fixture.f64(name);
        let mut found: Vec<f64> =
            self.timesteps.iter().enumerate().flat_map(|(i, &t)| of(self, i, t)).collect();
        assert_close(name, &found, &want.data, TOLERANCE);
        self.compared.insert(name.to_string());
        let last = found.len() - 1;
        found[last] += 1e-3 * (1.0 + want.data[last].abs());
        assert_fails(name, || assert_close("spoilt", &found, &want.data, TOLERANCE));
    }
}

fn spec(prediction_type: PredictionType, variance_type: VarianceType, clip_sample: bool) -> DiffusionSpec {
    DiffusionSpec { prediction_type, variance_type, clip_sample, ..DiffusionSpec::default() }
}

/// The step of each t of the full chain: `steps[t]`.
fn by_t(mut steps: Vec<StepCoefficients>) -> Vec<StepCoefficients> {
    steps.reverse();
    steps
}

fn ddpm_by_t(spec: &DiffusionSpec) -> Vec<StepCoefficients> {
    by_t(ddpm_steps(spec, spec.num_timesteps).expect("a full chain"))
}

fn ddim_by_t(spec: &DiffusionSpec, eta: f64) -> Vec<StepCoefficients> {
    by_t(ddim_steps(spec, spec.num_timesteps, eta).expect("a full chain"))
}

/// Every answer of gaussian_diffusion.safetensors but the losses and the bound (`bound.rs`).
#[test]
fn one_step_follows_the_reference() {
    let mut known = Known::load();
    let n = known.x_t.row(0).len();
    let filled = |x: f64| vec![x; n];

    known.check("x_t", |k, i, t| q_sample(&k.schedule, k.x_start.row(i), t, k.noise.row(i)));
    known.check("q.mean", |k, i, t| q_mean_variance(&k.schedule, k.x_start.row(i), t).mean);
    known.check("q.log_variance", |k, i, t| {
        filled(q_mean_variance(&k.schedule, k.x_start.row(i), t).log_variance)
    });
    let posterior = |k: &Known, i, t| q_posterior(&k.schedule, k.x_start.row(i), k.x_t.row(i), t);
    known.check("posterior.mean", |k, i, t| posterior(k, i, t).mean);
    known.check("posterior.variance", |k, i, t| filled(posterior(k, i, t).variance));
    known.check("posterior.log_variance_clipped", |k, i, t| filled(posterior(k, i, t).log_variance));

    for (prediction, prediction_type) in PREDICTIONS {
        for (variance, variance_type) in VARIANCES {
            for clip in [false, true] {
                let spec = spec(prediction_type, variance_type, clip);
                let steps = ddpm_by_t(&spec);
                let p = |k: &Known, i: usize, t: u32| {
                    p_mean_variance(&spec, &steps[t as usize], k.x_t.row(i), k.output(&spec, i))
                };
                let name = format!("p.{prediction}.{variance}.clip{}", u8::from(clip));
                known.check(&format!("{name}.mean"), |k, i, t| p(k, i, t).mean);
                known.check(&format!("{name}.log_variance"), |k, i, t| p(k, i, t).log_variance);
                known.check(&format!("{name}.pred_xstart"), |k, i, t| p(k, i, t).pred_x_start);
            }
            let spec = spec(prediction_type, variance_type, true);
            let steps = ddpm_by_t(&spec);
            known.check(&format!("p_sample.{prediction}.{variance}"), |k, i, t| {
                let step = &steps[t as usize];
                p_sample(&spec, step, k.x_t.row(i), k.output(&spec, i), k.sample_noise.row(i)).x_prev
            });
        }
        let spec = spec(prediction_type, VarianceType::FixedLarge, true);
        for eta in [0.0, 0.5, 1.0] {
            let steps = ddim_by_t(&spec, eta);
            known.check(&format!("ddim.{prediction}.eta{eta:.1}"), |k, i, t| {
                let (step, output) = (&steps[t as usize], k.output(&spec, i));
                ddim_step(&spec, step, k.x_t.row(i), output, PredNoise::default(), k.sample_noise.row(i))
                    .x_prev
            });
        }
        let steps = ddim_by_t(&spec, 0.0);
        known.check(&format!("ddim_reverse.{prediction}"), |k, i, t| {
            let t = t as usize;
            let next = k.schedule.alphas_cumprod_next[t];
            ddim_reverse_step(&spec, &steps[t], next, k.x_t.row(i), k.output(&spec, i)).x_next
        });
    }

    let spec = spec(PredictionType::Epsilon, VarianceType::FixedLarge, true);
    let gradient = |k: &Known, i| k.x_t.row(i).iter().map(|x| -x).collect::<Vec<f64>>();
    let steps = ddpm_by_t(&spec);
    known.check("guided.p_sample", |k, i, t| {
        let step = &steps[t as usize];
        let p = p_mean_variance(&spec, step, k.x_t.row(i), k.output(&spec, i)).guided(&gradient(k, i));
        p.sample(step, k.sample_noise.row(i)).x_prev
    });
    let steps = ddim_by_t(&spec, 0.0);
    known.check("guided.ddim", |k, i, t| {
        let (step, x_t) = (&steps[t as usize], k.x_t.row(i));
        let prediction = predict(&spec, step, x_t, k.output(&spec, i), PredNoise::default());
        prediction.guided(step, x_t, &gradient(k, i)).ddim_step(step, k.sample_noise.row(i)).x_prev
    });

    let inputs = ["timestep", "x_start", "noise", "sample_noise", "model_output", "prior_bpd"];
    for name in known.fixture.names() {
        let of_a_loss = name.starts_with("loss.") || name.starts_with("bpd.");
        let expected = of_a_loss || inputs.contains(&name.as_str()) || known.compared.contains(&name);
        assert!(expected, "{name}: an answer that nothing was compared with");
    }
    assert!(!known.compared.is_empty());
}

/// The model of the whole chains: eps(x, t) = 0.8 x + 0.05 sin t.
pub fn toy_model(x_t: &[f64], t: u32) -> Vec<f64> {
    x_t.iter().map(|x| 0.8 * x + 0.05 * f64::from(t).sin()).collect()
}

/// Every chain of schedulers.safetensors, its sampler, steps and variance read from its name.
#[test]
fn whole_chains_follow_the_schedulers_of_diffusers() {
    let fixture = Fixture::load("diffusion/schedulers.safetensors");
    let chains: Vec<String> =
        fixture.names().iter().filter_map(|name| name.strip_suffix(".x_0").map(str::to_string)).collect();
    assert!(!chains.is_empty());
    for chain in chains {
        let [sampler, count, kind] = chain.splitn(3, '_').collect::<Vec<&str>>().try_into().expect("3 parts");
        let count: u32 = count.parse().expect("steps");
        let mut spec = DiffusionSpec::default();
        let steps = match (sampler, kind.strip_prefix("eta")) {
            ("ddim", Some(eta)) => ddim_steps(&spec, count, eta.parse().expect("eta")),
            _ => {
                spec.variance_type = VARIANCES.iter().find(|(name, _)| *name == kind).expect("a variance").1;
                ddpm_steps(&spec, count)
            }
        }
        .expect("a chain");
        let timesteps: Vec<i64> = steps.iter().map(|step| step.t.into()).collect();
        assert_eq!(timesteps, fixture.i64(&format!("{chain}.timesteps")).data, "{chain}");

        let noise = fixture.f64(&format!("{chain}.noise"));
        let want = fixture.f64(&format!("{chain}.x_0")).data;
        let run = |source: PredNoise| {
            let mut x = fixture.f64("x_T").data;
            for (i, step) in steps.iter().enumerate() {
                let output = toy_model(&x, step.t);
                x = if sampler == "ddim" {
                    ddim_step(&spec, step, &x, &output, source, noise.row(i)).x_prev
                } else {
                    p_sample(&spec, step, &x, &output, noise.row(i)).x_prev
                };
            }
            x
        };
        let mut found = run(PredNoise::FromNetwork);
        assert_close(&chain, &found, &want, TOLERANCE);
        if sampler == "ddim" {
            let other = run(PredNoise::FromClippedXStart);
            assert_fails("the other ε̂", || assert_close("spoilt", &other, &want, TOLERANCE));
        }
        found[0] += 1e-4;
        assert_fails(&chain, || assert_close("spoilt", &found, &want, TOLERANCE));
    }
}

const N: usize = 12;

fn draw(sample: u32) -> Vec<f64> {
    let mut x = vec![0.0; N];
    fill_normals(31, Stream::ForwardNoise, 0, sample, &mut x);
    x
}

/// A picture, its noise, and for each prediction type the output of a network that knows both.
struct Oracle {
    x_start: Vec<f64>,
    noise: Vec<f64>,
    outputs: [(PredictionType, Vec<f64>); 4],
}

impl Oracle {
    fn at(schedule: &Schedule, t: u32) -> Self {
        let t = t as usize;
        let x_start: Vec<f64> = draw(0).iter().map(|x| x.tanh()).collect();
        let noise = draw(1);
        let (a, b) = (schedule.sqrt_alphas_cumprod[t], schedule.sqrt_one_minus_alphas_cumprod[t]);
        let v = noise.iter().zip(&x_start).map(|(eps, x0)| a * eps - b * x0).collect();
        let x_t = q_sample(schedule, &x_start, t as u32, &noise);
        let previous_x = q_posterior(schedule, &x_start, &x_t, t as u32).mean;
        let outputs = [
            (PredictionType::Epsilon, noise.clone()),
            (PredictionType::Sample, x_start.clone()),
            (PredictionType::PreviousX, previous_x),
            (PredictionType::V, v),
        ];
        Self { x_start, noise, outputs }
    }
}

#[test]
fn a_network_that_knows_x_0_predicts_it_whatever_its_output_means() {
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("the paper's");
    for t in [0, 1, 500, 999] {
        let Oracle { x_start, noise, outputs } = Oracle::at(&schedule, t);
        let x_t = q_sample(&schedule, &x_start, t, &noise);
        for (prediction_type, output) in outputs {
            let spec = spec(prediction_type, VarianceType::FixedSmall, true);
            let name = format!("{prediction_type:?} at t = {t}");
            let step = &ddpm_by_t(&spec)[t as usize];
            let p = p_mean_variance(&spec, step, &x_t, &output);
            assert_close(&name, &p.pred_x_start, &x_start, 1e-10);
            assert_close(&name, &p.mean, &q_posterior(&schedule, &x_start, &x_t, t).mean, 1e-10);
            for source in [PredNoise::FromClippedXStart, PredNoise::FromNetwork] {
                let prediction = predict(&spec, step, &x_t, &output, source);
                assert_close(&name, &prediction.pred_x_start, &x_start, 1e-10);
                assert_close(&name, &prediction.pred_noise, &noise, 1e-10);
            }
            // DDIM there and back again.
            if t + 1 < spec.num_timesteps {
                let forward =
                    ddim_reverse_step(&spec, step, schedule.alphas_cumprod_next[t as usize], &x_t, &output);
                assert_close(&name, &forward.x_next, &q_sample(&schedule, &x_start, t + 1, &noise), 1e-10);
                let spec = DiffusionSpec { prediction_type: PredictionType::Epsilon, ..spec };
                let next = &ddim_by_t(&spec, 0.0)[t as usize + 1];
                let back = ddim_step(&spec, next, &forward.x_next, &noise, PredNoise::default(), &noise);
                assert_close(&name, &back.x_prev, &x_t, 1e-10);
            }
        }
    }
}

#[test]
fn the_two_predicted_noises_differ_only_where_x_0_was_clipped() {
    let x_t = draw(2);
    for prediction_type in ALL_PREDICTIONS {
        let clipped = spec(prediction_type, VarianceType::FixedSmall, true);
        let unclipped = DiffusionSpec { clip_sample: false, ..clipped.clone() };
        let step = &ddim_by_t(&clipped, 0.0)[100];
        let output: Vec<f64> = match prediction_type {
            // The mean for which x̂_0 is about as large as with the others.
            PredictionType::PreviousX => {
                let x_start = draw(3).into_iter().zip(&x_t);
                x_start.map(|(x0, x)| (x0 - step.x_start_of_x_t * x) / step.x_start_of_output).collect()
            }
            _ => draw(3).iter().map(|x| 2.0 * x).collect(),
        };
        let of = |spec, source| predict(spec, step, &x_t, &output, source);
        let network = of(&clipped, PredNoise::FromNetwork);
        let fitting = of(&clipped, PredNoise::FromClippedXStart);
        let free = of(&unclipped, PredNoise::FromClippedXStart);
        assert_eq!(network.pred_x_start, fitting.pred_x_start);
        assert_close("unclipped", &free.pred_noise, &network.pred_noise, 1e-12);
        let was_clipped = |i: usize| free.pred_x_start[i].abs() > 1.0;
        assert!((0..N).any(was_clipped) && !(0..N).all(was_clipped), "{:?}", free.pred_x_start);
        for i in 0..N {
            let differ = (network.pred_noise[i] - fitting.pred_noise[i]).abs() > 1e-9;
            assert_eq!(differ, was_clipped(i), "{prediction_type:?}, element {i}");
        }
    }
}

/// `learned`: the second half is the log-variance itself, and it is the noise's.
#[test]
fn a_learned_variance_is_the_outputs_second_half() {
    for prediction_type in ALL_PREDICTIONS {
        let learned = spec(prediction_type, VarianceType::Learned, true);
        let fixed = DiffusionSpec { variance_type: VarianceType::FixedSmall, ..learned.clone() };
        let (x_t, mean_half, log_variance, noise) = (draw(4), draw(5), draw(6), draw(7));
        let output = [mean_half.clone(), log_variance.clone()].concat();
        let (learned_steps, fixed_steps) = (ddpm_by_t(&learned), ddpm_by_t(&fixed));
        for t in [0, 1, 999] {
            let p = p_mean_variance(&learned, &learned_steps[t], &x_t, &output);
            assert_eq!(p.log_variance, log_variance);
            assert_eq!(p.mean, p_mean_variance(&fixed, &fixed_steps[t], &x_t, &mean_half).mean);
            let want: Vec<f64> = (0..N)
                .map(|i| p.mean[i] + if t == 0 { 0.0 } else { (0.5 * log_variance[i]).exp() * noise[i] })
                .collect();
            let step = p_sample(&learned, &learned_steps[t], &x_t, &output, &noise);
            assert_close("learned", &step.x_prev, &want, 1e-12);
            assert_eq!(step.pred_x_start, p.pred_x_start);
        }
    }
}

#[test]
fn a_learned_range_ends_at_the_two_fixed_variances() {
    let range = spec(PredictionType::Epsilon, VarianceType::LearnedRange, true);
    let steps = ddpm_steps(&range, 50).expect("a chain");
    for (end, variance_type) in [(-1.0, VarianceType::FixedSmall), (1.0, VarianceType::FixedLarge)] {
        let fixed = DiffusionSpec { variance_type, ..range.clone() };
        let fixed_steps = ddpm_steps(&fixed, 50).expect("a chain");
        for (step, fixed_step) in steps.iter().zip(&fixed_steps).take(49) {
            let output = [draw(8), vec![end; N]].concat();
            let found = p_mean_variance(&range, step, &draw(9), &output);
            let want = p_mean_variance(&fixed, fixed_step, &draw(9), &output);
            assert_close("log-variance", &found.log_variance, &want.log_variance, 1e-12);
            assert_eq!(found.mean, want.mean);
        }
    }
}

/// The whole chain draws from the right distribution: data at a point, predicted by the exact network, comes
/// back.
#[test]
fn both_samplers_end_at_the_data_of_an_exact_network() {
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("the paper's");
    let x_start: Vec<f64> = draw(10).iter().map(|x| x.tanh()).collect();
    for (eta, sampling_steps) in [(None, 1000), (None, 10), (Some(0.0), 10), (Some(1.0), 25)] {
        let spec = spec(PredictionType::Epsilon, VarianceType::FixedLarge, true);
        let steps = match eta {
            None => ddpm_steps(&spec, sampling_steps),
            Some(eta) => ddim_steps(&spec, sampling_steps, eta),
        }
        .expect("a chain");
        let mut x = draw(11);
        for step in steps {
            let t = step.t as usize;
            let (a, b) = (schedule.sqrt_alphas_cumprod[t], schedule.sqrt_one_minus_alphas_cumprod[t]);
            let noise: Vec<f64> = x.iter().zip(&x_start).map(|(x, x0)| (x - a * x0) / b).collect();
            let z = draw(100 + step.t);
            x = match eta {
                None => p_sample(&spec, &step, &x, &noise, &z).x_prev,
                Some(_) => ddim_step(&spec, &step, &x, &noise, PredNoise::default(), &z).x_prev,
            };
        }
        assert_close(&format!("eta {eta:?}, {sampling_steps} steps"), &x, &x_start, 1e-10);
    }
}

#[test]
fn guidance_is_exact_at_0_and_1_and_linear_between_and_beyond() {
    let (null, label) = (draw(12), draw(13));
    assert_eq!(guided_noise(&null, &label, 0.0), null);
    assert_eq!(guided_noise(&null, &label, 1.0), label);
    let want: Vec<f64> = null.iter().zip(&label).map(|(n, l)| n + 3.0 * (l - n)).collect();
    assert_close("w = 3", &guided_noise(&null, &label, 3.0), &want, 1e-12);
}

#[test]
fn slices_that_do_not_fit_are_refused() {
    let spec = spec(PredictionType::Epsilon, VarianceType::LearnedRange, true);
    let step = ddpm_by_t(&spec)[5];
    let (x, two, three) = (draw(0), vec![0.0; 2 * N], vec![0.0; 3 * N]);
    assert_fails("no variance half", || drop(p_mean_variance(&spec, &step, &x, &x)));
    assert_fails("three times C", || drop(p_mean_variance(&spec, &step, &x, &three)));
    assert_fails("too much noise", || drop(p_sample(&spec, &step, &x, &two, &two)));
    assert_fails("too long a gradient", || drop(p_mean_variance(&spec, &step, &x, &two).guided(&two)));
}

/// `previous_x` in Ho's words: the mean is the output, whatever is clipped, in every step from t to t − 1.
#[test]
fn a_predicted_mean_is_the_mean_of_single_steps() {
    let spec = spec(PredictionType::PreviousX, VarianceType::FixedSmall, true);
    let schedule = Schedule::new(&spec).expect("the paper's");
    let steps = ddpm_by_t(&spec);
    let (x_t, output) = (draw(14), draw(15));
    for t in [0, 1, 500, 999] {
        let p = p_mean_variance(&spec, &steps[t], &x_t, &output);
        assert_eq!(p.mean, output, "t = {t}");
        let (coef1, coef2) = (schedule.posterior_mean_coef1[t], schedule.posterior_mean_coef2[t]);
        let want: Vec<f64> =
            output.iter().zip(&x_t).map(|(o, x)| ((o - coef2 * x) / coef1).clamp(-1.0, 1.0)).collect();
        assert_close("x̂_0", &p.pred_x_start, &want, 1e-10);
        assert!(want.iter().any(|x0| x0.abs() == 1.0), "something was clipped at t = {t}");
    }
    // Spaced by one: the same steps, from t = 599 on.
    let single = ddpm_steps(&spec, 600).expect("a chain");
    assert!(
        single.iter().all(|step| (step.output_coef, step.x_start_coef, step.x_t_coef) == (1.0, 0.0, 0.0))
    );
}

/// A longer step goes by the x̂_0 of the full process, as the network has learned it.
#[test]
fn longer_steps_and_ddim_go_by_the_x_0_of_a_predicted_mean() {
    let spec = spec(PredictionType::PreviousX, VarianceType::FixedSmall, true);
    let schedule = Schedule::new(&spec).expect("the paper's");
    let of_x_start = DiffusionSpec { prediction_type: PredictionType::Sample, ..spec.clone() };
    let (long, want_long) = (ddpm_steps(&spec, 50), ddpm_steps(&of_x_start, 50));
    let (ddim, want_ddim) = (ddim_steps(&spec, 50, 0.5), ddim_steps(&of_x_start, 50, 0.5));
    let (x_t, output, z) = (draw(16), draw(17), draw(18));
    for (step, want) in long.expect("a chain").iter().zip(&want_long.expect("a chain")).take(49) {
        let t = step.t as usize;
        let (coef1, coef2) = (schedule.posterior_mean_coef1[t], schedule.posterior_mean_coef2[t]);
        let x_start: Vec<f64> = output.iter().zip(&x_t).map(|(o, x)| (o - coef2 * x) / coef1).collect();
        let found = p_sample(&spec, step, &x_t, &output, &z).x_prev;
        assert_close("DDPM", &found, &p_sample(&of_x_start, want, &x_t, &x_start, &z).x_prev, 1e-10);
        assert_fails("o itself", || assert_close("spoilt", &found, &output, 1e-3));
    }
    for (step, want) in ddim.expect("a chain").iter().zip(&want_ddim.expect("a chain")) {
        let t = step.t as usize;
        let (coef1, coef2) = (schedule.posterior_mean_coef1[t], schedule.posterior_mean_coef2[t]);
        let x_start: Vec<f64> = output.iter().zip(&x_t).map(|(o, x)| (o - coef2 * x) / coef1).collect();
        let source = PredNoise::FromClippedXStart;
        let found = ddim_step(&spec, step, &x_t, &output, source, &z).x_prev;
        assert_close("DDIM", &found, &ddim_step(&of_x_start, want, &x_t, &x_start, source, &z).x_prev, 1e-9);
    }
}
