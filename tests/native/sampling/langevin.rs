//! Langevin dynamics: Algorithm 2 is one of its updates (arXiv 2006.11239 §3.2), and its annealing goes where it should.

use ddpm::diffusion::{PredNoise, langevin_step, p_sample, score};
use ddpm::ops::p_sample::ReverseStep;
use ddpm::rng::{Stream, fill_normals};
use ddpm::schedule::{MAX_UPDATES, Schedule, StepCoefficients, ddpm_steps, langevin_steps, langevin_update};
use ddpm::spec::{DiffusionSpec, VarianceType};

use super::super::compare::{assert_close, assert_fails, assert_max_abs};
use super::super::refusal::assert_refused;
use super::schedulers::ToyChain;

const LANGEVIN: ReverseStep = ReverseStep::Ddim(PredNoise::FromNetwork);

fn draw(sample: u32, n: usize) -> Vec<f64> {
    let mut x = vec![0.0; n];
    fill_normals(41, Stream::ForwardNoise, 0, sample, &mut x);
    x
}

fn unclipped() -> DiffusionSpec {
    DiffusionSpec { clip_sample: false, variance_type: VarianceType::FixedLarge, ..DiffusionSpec::default() }
}

/// The Langevin updates that Algorithm 2's steps are: of size 2·β_t, with σ_t of noise.
fn as_langevin(spec: &DiffusionSpec, steps: &[StepCoefficients]) -> Vec<StepCoefficients> {
    let schedule = Schedule::new(spec).expect("a schedule");
    let update = |(ix, step): (usize, &StepCoefficients)| {
        let before = steps.get(ix + 1).map(|step| step.t);
        let ac_before = before.map_or(1.0, |t| schedule.alphas_cumprod[t as usize]);
        let beta = 1.0 - schedule.alphas_cumprod[step.t as usize] / ac_before;
        langevin_update(spec, step.t, before, 2.0 * beta, step.sigma).expect("an update")
    };
    steps.iter().enumerate().map(update).collect()
}

/// x of one step by its coefficients, ε predicted and nothing clipped.
fn by_coefficients(step: &StepCoefficients, x: &[f64], noise: &[f64], z: &[f64]) -> Vec<f64> {
    let x_start = |x: f64, noise: f64| step.x_start_of_x_t * x + step.x_start_of_output * noise;
    x.iter()
        .zip(noise)
        .zip(z)
        .map(|((&x, &noise), &z)| {
            step.x_start_coef * x_start(x, noise)
                + step.x_t_coef * x
                + step.pred_noise_coef * noise
                + step.sigma * z
        })
        .collect()
}

#[test]
fn algorithm_2_is_a_langevin_update_of_step_size_two_beta() {
    let spec = unclipped();
    for count in [1000, 50] {
        let steps = ddpm_steps(&spec, count).expect("a chain");
        for (step, update) in steps.iter().zip(as_langevin(&spec, &steps)) {
            let (x, noise, z) = (draw(0, 12), draw(1, 12), draw(2, 12));
            let want = p_sample(&spec, step, &x, &noise, &z).x_prev;
            let name = format!("{count} steps, t = {}", step.t);
            assert_close(&name, &by_coefficients(&update, &x, &noise, &z), &want, 1e-12);
            // In the words of the paper: x + (α/2)·s, then scaled to the next level.
            let beta = 1.0 - 1.0 / update.x_t_coef.powi(2);
            let drift = langevin_step(&x, &score(step, &noise), 2.0 * beta, &[0.0; 12]);
            let scaled: Vec<f64> =
                drift.iter().zip(&z).map(|(x, z)| update.x_t_coef * x + step.sigma * z).collect();
            assert_close(&name, &scaled, &want, 1e-12);
            let half = langevin_update(&spec, step.t, Some(step.t), beta, step.sigma).expect("an update");
            assert_fails(&name, || {
                assert_close("half the step", &by_coefficients(&half, &x, &noise, &z), &want, 1e-6)
            });
        }
    }
}

#[test]
fn on_the_gpu_too_the_chain_of_langevin_updates_is_algorithm_2s() {
    let spec = unclipped();
    let steps = ddpm_steps(&spec, 100).expect("a chain");
    let shape = [2, 1, 4, 4];
    let (x, noise) = (draw(3, 32), draw(4, 32 * steps.len()));
    let run = |kind, steps: &[StepCoefficients]| {
        ToyChain { spec: &spec, kind, steps, shape, x: &x, noise: &noise }.run()
    };
    let ancestral = run(ReverseStep::Ancestral, &steps);
    let langevin = run(LANGEVIN, &as_langevin(&spec, &steps));
    assert_max_abs("Langevin on the GPU", &langevin, &ancestral, 1e-5);
    let other = run(LANGEVIN, &langevin_steps(&spec, 20, 5, 0.3).expect("a chain")[..100]);
    assert_fails("another chain", || assert_max_abs("spoilt", &other, &ancestral, 1e-2));
}

/// The annealing is Song and Ermon's on x / √ᾱ, whose levels are x_0 + σ·noise: no scaling between them there.
#[test]
fn the_annealing_is_song_and_ermons() {
    let (spec, updates, snr) = (unclipped(), 3, 0.2);
    let schedule = Schedule::new(&spec).expect("a schedule");
    let steps = langevin_steps(&spec, 40, updates, snr).expect("a chain");
    assert_eq!(steps.len(), 121);
    let noise_of = |x: &[f64]| x.iter().map(|x| (0.7 * x).tanh()).collect::<Vec<f64>>();
    let mut x = draw(5, 12);
    let first = schedule.alphas_cumprod[steps[0].t as usize];
    let mut exploding: Vec<f64> = x.iter().map(|x| x / first.sqrt()).collect();
    for (ix, step) in steps[..120].iter().enumerate() {
        let ac = schedule.alphas_cumprod[step.t as usize];
        let sigma = ((1.0 - ac) / ac).sqrt();
        let z = draw(100 + ix as u32, 12);
        // Their step size is in proportion to σ², and their score is −ε̂ / σ.
        let step_size = (2.0 * snr * sigma).powi(2);
        let pictured: Vec<f64> = exploding.iter().map(|x| x * ac.sqrt()).collect();
        let score: Vec<f64> = noise_of(&pictured).iter().map(|noise| -noise / sigma).collect();
        // Less noise by as much as steps of this size would end with too much.
        let less: Vec<f64> = z.iter().map(|z| z * (1.0f64 - snr * snr).sqrt()).collect();
        exploding = langevin_step(&exploding, &score, step_size, &less);
        x = by_coefficients(step, &x, &noise_of(&x), &z);
    }
    let last = schedule.alphas_cumprod[steps[119].t as usize];
    let want: Vec<f64> = exploding.iter().map(|x| x * last.sqrt()).collect();
    assert_close("x after all levels", &x, &want, 1e-12);
    let denoise = &steps[120];
    assert_eq!((denoise.t, denoise.x_start_coef, denoise.sigma), (steps[119].t, 1.0, 0.0));
}

/// Of data that is normal the score is known, and what is sampled has its mean and, the better the more updates a level has,
/// its deviation.
#[test]
fn langevin_dynamics_with_the_exact_score_samples_the_data() {
    let spec = unclipped();
    let schedule = Schedule::new(&spec).expect("a schedule");
    let (mean, deviation) = (0.4, 0.3);
    let sampled = |updates| {
        let mut x = draw(6, 8000);
        for (ix, step) in langevin_steps(&spec, 50, updates, 0.3).expect("a chain").iter().enumerate() {
            let ac = schedule.alphas_cumprod[step.t as usize];
            let variance = ac * deviation * deviation + 1.0 - ac;
            let noise: Vec<f64> =
                x.iter().map(|x| (1.0 - ac).sqrt() * (x - ac.sqrt() * mean) / variance).collect();
            x = by_coefficients(step, &x, &noise, &draw(1000 + ix as u32, 8000));
        }
        let found = x.iter().sum::<f64>() / x.len() as f64;
        [found, (x.iter().map(|x| (x - found).powi(2)).sum::<f64>() / x.len() as f64).sqrt()]
    };
    let (few, many) = (sampled(2), sampled(20));
    assert_max_abs("mean and deviation, 20 updates a level", &many, &[mean, deviation], 0.04);
    assert_fails("2 updates a level", || assert_max_abs("2 updates", &few, &[mean, deviation], 0.04));
}

/// Where x_0 is certain, what is left of x is noise of exactly the deviation that the network is told.
#[test]
fn the_noise_of_each_level_is_the_levels() {
    let spec = unclipped();
    let schedule = Schedule::new(&spec).expect("a schedule");
    let steps = langevin_steps(&spec, 100, 4, 0.5).expect("a chain");
    // The variance of x under the exact score of x_0 = 0, where ε̂ = x / √(1 − ᾱ_t).
    let mut variance = 1.0;
    for pair in steps.windows(2) {
        let level = |step: &StepCoefficients| 1.0 - schedule.alphas_cumprod[step.t as usize];
        let (step, next) = (&pair[0], &pair[1]);
        let kept = step.x_t_coef + step.pred_noise_coef / step.sqrt_one_minus_alphas_cumprod;
        variance = kept * kept * variance + step.sigma * step.sigma;
        if next.t == step.t && next.x_start_coef == 0.0 {
            continue;
        }
        let scale = if next.t == step.t { 1.0 } else { step.x_t_coef * step.x_t_coef };
        let ratio = (variance / scale / level(step)).sqrt();
        // The way down to t = 0 is the longest, and the last.
        let most = if step.t == 0 { 1.05 } else { 1.02 };
        assert!((0.99..most).contains(&ratio), "t = {}: {ratio} of the level's deviation", step.t);
    }
}

/// Noise drawn twice would be no noise.
#[test]
fn no_two_updates_draw_the_same_noise() {
    let steps = langevin_steps(&DiffusionSpec::default(), 100, 7, 0.3).expect("a chain");
    let drawn: std::collections::BTreeSet<u32> =
        steps.iter().filter(|step| step.sigma > 0.0).map(|step| step.noise_t).collect();
    assert_eq!(drawn.len(), 700);
    assert_eq!((steps[0].noise_t, steps[1].noise_t), (steps[0].t, steps[0].t + 1000));
}

#[test]
fn langevin_chains_that_cannot_be_are_refused() {
    let spec = DiffusionSpec::default();
    let of = |levels, updates, snr| langevin_steps(&spec, levels, updates, snr);
    assert_refused(of(0, 5, 0.3), &["1 to 1000", "found 0"]);
    assert_refused(of(1001, 5, 0.3), &["1 to 1000", "found 1001"]);
    assert_refused(of(10, 0, 0.3), &["updates", "found 0"]);
    assert_refused(of(10, MAX_UPDATES + 1, 0.3), &["updates", "1001"]);
    for snr in [0.0, -1.0, 1.0, f64::NAN] {
        assert_refused(of(10, 5, snr), &["signal-to-noise"]);
    }
}
