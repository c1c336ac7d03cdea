//! Chains that begin with pictures, and chains that know a part of theirs.

use ddpm::checkpoint::{Checkpoint, folder};
use ddpm::diffusion::{PredNoise, q_sample};
use ddpm::rng::{Stream, fill_normals};
use ddpm::sampler::{Conditioning, Method, Sampler, SamplerOptions, run, run_until};
use ddpm::schedule::{Schedule, ddpm_steps, resampled_steps};
use ddpm::spec::{DiffusionSpec, VarianceType};

use super::super::compare::{assert_fails, assert_max_abs, max_abs};
use super::super::fixtures::path;
use super::super::gpu::{block_on, cpu, devices};
use super::super::reference::random::normals;
use super::super::refusal::assert_refused;

const SEED: u64 = 77;
const DDIM: Method = Method::Ddim { eta: 0.5, pred_noise: PredNoise::FromClippedXStart };

fn checkpoint(name: &str) -> Checkpoint {
    folder::load(path(&format!("unet/{name}"))).expect("a checkpoint")
}

fn options() -> SamplerOptions {
    SamplerOptions { count: 2, first_sample: 5, seed: SEED, steps: 10, ..SamplerOptions::default() }
}

fn view(sampler: &Sampler) -> Vec<f32> {
    block_on(sampler.read_view(0)).expect("x")
}

/// x_t of each of `pictures` as the host draws it, the noise that of picture 5 on, or of 5 alone.
fn noised(checkpoint: &Checkpoint, pictures: &[f32], count: usize, t: u32, shared: bool) -> Vec<f64> {
    let schedule = Schedule::new(&checkpoint.diffusion).expect("a schedule");
    let elements = pictures.len() / count;
    let of = |(n, picture): (usize, &[f32])| {
        let mut noise = vec![0.0; elements];
        let sample = if shared { 5 } else { 5 + n as u32 };
        fill_normals(SEED, Stream::ForwardNoise, t, sample, &mut noise);
        let picture: Vec<f64> = picture.iter().map(|&x| x.into()).collect();
        q_sample(&schedule, &picture, t, &noise)
    };
    pictures.chunks_exact(elements).enumerate().flat_map(of).collect()
}

#[test]
fn a_chain_starts_from_pictures_at_any_level() {
    let checkpoint = checkpoint("grey28");
    let pictures = normals(8, 2 * 784, 0.0, 0.5);
    for gpu in devices() {
        for shared_noise in [false, true] {
            let options = SamplerOptions { shared_noise, ..options() };
            let mut sampler = Sampler::new(gpu, &checkpoint, &options).expect("a chain");
            for steps_done in [0, 3, 9] {
                sampler.start_from(&pictures, steps_done).expect("a start");
                let t = sampler.t().expect("a step");
                assert_eq!((sampler.steps_done(), sampler.steps_before(t)), (steps_done, steps_done));
                let want = noised(&checkpoint, &pictures, 2, t, shared_noise);
                let x_t = view(&sampler);
                assert_max_abs(&format!("from t = {t}"), &x_t, &want, 4e-6);
                let wrong = noised(&checkpoint, &pictures, 2, t, !shared_noise);
                assert_fails("another's noise", || assert_max_abs("wrong", &x_t, &wrong, 1e-3));
            }
            // Strength 0: the picture itself, to the last bit.
            sampler.start_from(&pictures, 10).expect("a start");
            run(&mut sampler, None, |_| ()).expect("nothing to do");
            assert_eq!(view(&sampler), pictures);
        }
    }
}

/// Under one noise, equal beginnings stay equal, and different ones do not.
#[test]
fn pictures_that_share_their_noise_differ_by_their_beginning_alone() {
    let checkpoint = checkpoint("grey28");
    let picture = normals(9, 784, 0.0, 0.5);
    let end = |shared_noise, first: &[f32]| {
        let options = SamplerOptions { shared_noise, method: DDIM, ..options() };
        let mut sampler = Sampler::new(cpu(), &checkpoint, &options).expect("a chain");
        sampler.start_from(&[first, &picture].concat(), 6).expect("a start");
        run(&mut sampler, None, |_| ()).expect("a chain");
        let x = view(&sampler);
        max_abs(&x[..784], &x[784..])
    };
    assert!(end(true, &picture) < 1e-5);
    assert!(end(false, &picture) > 1e-2);
    assert!(end(true, &normals(10, 784, 0.0, 0.5)) > 1e-2);
    let options = SamplerOptions { shared_noise: true, ..options() };
    let x = view(&Sampler::new(cpu(), &checkpoint, &options).expect("a chain"));
    assert_eq!(x[..784], x[784..], "x_T");
}

#[test]
fn what_is_known_stays_and_the_rest_is_painted_anew() {
    for gpu in devices() {
        for (name, channels, pixels) in [("grey28", 1, 784), ("classes16", 3, 256)] {
            let mut checkpoint = checkpoint(name);
            // Guided, x is there twice.
            let conditioning = match name {
                "classes16" => {
                    checkpoint.metadata.null_class = Some(0);
                    Conditioning { label: Some(1), guidance: Some(2.0) }
                }
                _ => Conditioning::default(),
            };
            let pictures = normals(11, 2 * channels * pixels, 0.0, 0.4);
            let mask: Vec<f32> = (0..pixels).map(|pixel| if pixel % 5 < 2 { 1.0 } else { 0.0 }).collect();
            let options = SamplerOptions { conditioning, ..options() };
            let mut sampler = Sampler::new(gpu, &checkpoint, &options).expect("a chain");
            let x_t = view(&sampler);
            sampler.inpaint(&pictures, &mask).expect("a mask");
            let known = |ix: usize| mask[ix % pixels] == 0.0;
            let check = |sampler: &Sampler| {
                let x = view(sampler);
                let want = match sampler.t() {
                    Some(t) => noised(&checkpoint, &pictures, 2, t, false),
                    None => pictures.iter().map(|&x| x.into()).collect(),
                };
                let of = |keep: bool, x: Vec<f64>| -> Vec<f64> {
                    x.into_iter().enumerate().filter(|(ix, _)| known(*ix) == keep).map(|(_, x)| x).collect()
                };
                let wide = || x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
                let name = format!("{name}, {} steps done", sampler.steps_done());
                assert_max_abs(&name, &of(true, wide()), &of(true, want.clone()), 4e-6);
                assert_fails(&name, || {
                    assert_max_abs("painted anew", &of(false, wide()), &of(false, want), 1e-3)
                });
                x
            };
            let begun = check(&sampler);
            assert!(
                (0..begun.len()).all(|ix| known(ix) || begun[ix] == x_t[ix]),
                "only what is known changes"
            );
            for steps in [1, 7, 10] {
                run_until(&mut sampler, steps, None, |_| ()).expect("a chain");
                check(&sampler);
            }
            let painted = view(&sampler);
            sampler.restart(SEED);
            assert_eq!(check(&sampler), begun, "restarted");
            run(&mut sampler, None, |_| ()).expect("a chain");
            assert_eq!(view(&sampler), painted);
            let mut free = Sampler::new(gpu, &checkpoint, &options).expect("a chain");
            run(&mut free, None, |_| ()).expect("a chain");
            let free = view(&free);
            assert!(
                (0..free.len()).any(|ix| !known(ix) && (free[ix] - painted[ix]).abs() > 1e-3),
                "it fits in"
            );
        }
    }
}

/// There and back by one evaluation is a step and a draw of q(x_t | x_prev): of the same mean and variance.
#[test]
fn steps_that_are_taken_again_are_steps_and_noise() {
    let spec = DiffusionSpec::default();
    let schedule = Schedule::new(&spec).expect("a schedule");
    let steps = ddpm_steps(&spec, 20).expect("a chain");
    let resampled = resampled_steps(spec.num_timesteps, &steps, 3).expect("a chain");
    assert_eq!(resampled.len(), 19 * 3 + 1);
    let noises: std::collections::BTreeSet<u32> = resampled.iter().map(|step| step.noise_t).collect();
    assert_eq!(noises.len(), resampled.len(), "no noise twice");
    for (ix, step) in steps[..19].iter().enumerate() {
        let [back, again, on] = [0, 1, 2].map(|k| resampled[3 * ix + k]);
        assert_eq!((on, again.sigma, again.t), (*step, back.sigma, step.t));
        let [ac, ac_prev] = [step.t, steps[ix + 1].t].map(|t| schedule.alphas_cumprod[t as usize]);
        // β of q(x_t | x_prev).
        let beta = 1.0 - ac / ac_prev;
        let variance = (1.0 - beta) * step.sigma.powi(2) + beta;
        let mean = [step.x_start_coef, step.x_t_coef].map(|coefficient| (1.0 - beta).sqrt() * coefficient);
        let found = [back.x_start_coef, back.x_t_coef, back.sigma.powi(2)];
        assert_max_abs(&format!("t = {}", step.t), &found, &[mean[0], mean[1], variance], 1e-12);
    }
    assert_eq!(resampled_steps(spec.num_timesteps, &steps, 1).expect("a chain"), steps);
    for times in [0, 1001] {
        assert_refused(resampled_steps(spec.num_timesteps, &steps, times), &["resampling", "1 to 1000"]);
    }
    let learned = DiffusionSpec { variance_type: VarianceType::Learned, ..spec.clone() };
    let of = |method, spec: &DiffusionSpec| {
        let options = SamplerOptions { method, steps: 10, resample: 2, ..SamplerOptions::default() };
        options.chain(spec)
    };
    assert_eq!(of(DDIM, &learned).expect("a chain").len(), 19);
    assert_refused(of(Method::Ddpm, &learned), &["resampling", "learned"]);
    let encode = Method::DdimEncode { pred_noise: PredNoise::FromClippedXStart };
    assert_refused(of(encode, &spec), &["resampling", "DDPM or DDIM"]);
}

#[test]
fn starts_and_masks_that_do_not_fit_are_refused() {
    let mut sampler = Sampler::new(cpu(), &checkpoint("grey28"), &options()).expect("a chain");
    let pictures = vec![0.0; 2 * 784];
    assert_refused(sampler.start_from(&pictures[1..], 3), &["1568", "1567"]);
    assert_refused(sampler.start_from(&pictures, 11), &["10 steps", "11"]);
    assert_refused(sampler.inpaint(&pictures, &[0.0; 28]), &["784 pixels", "28"]);
    assert_refused(sampler.inpaint(&pictures[784..], &[0.0; 784]), &["1568", "784"]);
    assert_eq!([999, 900, 899, 0].map(|t| sampler.steps_before(t)), [0, 0, 1, 9]);
}
