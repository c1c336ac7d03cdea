//! The deterministic DDIM backwards: pictures to x_T and back.

use ddpm::checkpoint::folder;
use ddpm::diffusion::PredNoise;
use ddpm::sampler::{Method, Sampler, SamplerOptions, run};
use ddpm::schedule::{Schedule, ddim_encode_steps, ddim_steps};
use ddpm::spec::DiffusionSpec;

use super::super::compare::{assert_fails, assert_mean_abs, mean_abs};
use super::super::fixtures::{Fixture, path};
use super::super::gpu::{block_on, cpu};

/// Mean |Δ| of pictures on [−1, 1] after encoding and decoding, at these steps. Measured: see the test's output.
const STEPS: [(u32, f64); 3] = [(10, 0.2), (20, 0.1), (50, 0.04)];

#[test]
fn what_is_encoded_is_decoded_the_better_the_more_steps() {
    let checkpoint = folder::load(path("checkpoints/fashion-mnist-reference")).expect("a checkpoint");
    let pictures = Fixture::load("chain/fashion-mnist-reference.safetensors").f32("ddpm.after_t0.x").data;
    let pred_noise = PredNoise::FromClippedXStart;
    let chain = |method, steps, x: &[f32]| {
        let options = SamplerOptions { count: 2, method, steps, ..SamplerOptions::default() };
        let mut sampler = Sampler::new(cpu(), &checkpoint, &options).expect("a chain");
        sampler.write_x(x, 0).expect("x");
        run(&mut sampler, None, |_| ()).expect("a chain");
        block_on(sampler.read_view(0)).expect("x")
    };
    let mut errors = Vec::new();
    for (steps, tolerance) in STEPS {
        let latents = chain(Method::DdimEncode { pred_noise }, steps, &pictures);
        let decoded = chain(Method::Ddim { eta: 0.0, pred_noise }, steps, &latents);
        assert_mean_abs(&format!("{steps} steps there and {steps} back"), &decoded, &pictures, tolerance);
        errors.push(mean_abs(&decoded, &pictures));
        let spread = (latents.iter().map(|x| x * x).sum::<f32>() / latents.len() as f32).sqrt();
        println!("{steps} steps: the latents' root mean square is {spread:.3}");
        assert!((0.5..1.5).contains(&spread), "latents are no noise: {spread}");
        assert_fails("latents", || assert_mean_abs("no picture", &latents, &pictures, 0.2));
    }
    assert!(errors.is_sorted_by(|more, less| more > less), "{errors:?}");
}

#[test]
fn the_encoder_ends_where_the_decoder_begins() {
    for steps_offset in [0, 1] {
        let spec = DiffusionSpec { steps_offset, ..DiffusionSpec::default() };
        let schedule = Schedule::new(&spec).expect("a schedule");
        for count in [1, 10, 50, 300] {
            let encoder = ddim_encode_steps(&spec, count).expect("an encoder");
            let decoder = ddim_steps(&spec, count, 0.0).expect("a decoder");
            assert_eq!(encoder.len(), decoder.len());
            let last = encoder[encoder.len() - 1];
            let level = schedule.sqrt_one_minus_alphas_cumprod[decoder[0].t as usize];
            assert!((last.pred_noise_coef - level).abs() < 1e-12, "{count} steps");
            assert!(encoder.iter().all(|step| step.sigma == 0.0));
        }
    }
}
