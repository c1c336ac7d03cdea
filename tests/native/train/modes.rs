//! Training in every mode: against PyTorch's autograd in fixtures/train/modes, and that each learns.

use ddpm::checkpoint::Checkpoint;
use ddpm::gpu::GpuContext;
use ddpm::schedule::rescaled_linear_range;
use ddpm::spec::{DiffusionSpec, LossType, PredictionType, TrainSpec, VarianceType};
use ddpm::train::{Preset, TrainBatch, TrainState, Trainer};

use super::super::compare::assert_fails;
use super::super::fixtures::{self, Fixture};
use super::super::gpu::{block_on, cpu, devices, name as device_name};
use super::super::kernels::training_loss::{ALL_LOSSES, ALL_PREDICTIONS, ALL_VARIANCES};
use super::trajectory::{assert_losses, assert_moved_alike, spec as trajectory_spec};
use super::{Data, short, small_unet, untrained};

/// A process and a loss by their names in the fixture.
fn mode(name: &str) -> (DiffusionSpec, TrainSpec) {
    let [prediction, variance, loss] = name.split('.').collect::<Vec<_>>().try_into().expect("three names");
    let (beta_start, beta_end) = rescaled_linear_range(50);
    let diffusion = DiffusionSpec {
        num_timesteps: 50,
        beta_start,
        beta_end,
        prediction_type: match prediction {
            "epsilon" => PredictionType::Epsilon,
            "sample" => PredictionType::Sample,
            "previous_x" => PredictionType::PreviousX,
            "v_prediction" => PredictionType::V,
            _ => panic!("{prediction}"),
        },
        variance_type: match variance {
            "fixed_small" => VarianceType::FixedSmall,
            "fixed_large" => VarianceType::FixedLarge,
            "learned" => VarianceType::Learned,
            "learned_range" => VarianceType::LearnedRange,
            _ => panic!("{variance}"),
        },
        ..DiffusionSpec::default()
    };
    let (loss, min_snr_gamma) = match loss {
        "mse" => (LossType::Mse, None),
        "min_snr" => (LossType::Mse, Some(5.0)),
        "rescaled_mse" => (LossType::RescaledMse, None),
        "kl" => (LossType::Kl, None),
        "rescaled_kl" => (LossType::RescaledKl, None),
        _ => panic!("{loss}"),
    };
    (diffusion, TrainSpec { loss, min_snr_gamma, ..trajectory_spec(0.0, 4) })
}

/// Twenty steps: losses, norms and the weights that they end with.
fn run((diffusion, spec): &(DiffusionSpec, TrainSpec)) -> [Vec<f64>; 2] {
    let (losses, _) = run_to_the_end(cpu(), diffusion, spec);
    losses
}

fn run_to_the_end(
    gpu: &GpuContext,
    diffusion: &DiffusionSpec,
    spec: &TrainSpec,
) -> ([Vec<f64>; 2], TrainState) {
    let folder = if diffusion.variance_type.is_learned() { "modes" } else { "trajectory" };
    let read = |name: &str| std::fs::read(fixtures::path(&format!("train/{folder}/{name}"))).expect(name);
    let config = String::from_utf8(read("config.json")).expect("text");
    let weights = read("diffusion_pytorch_model.safetensors");
    let mut checkpoint = Checkpoint::from_parts(&config, None, weights).expect("a checkpoint");
    checkpoint.diffusion = diffusion.clone();
    let mut trainer = Trainer::new(gpu, &checkpoint, spec).expect("a trainer");
    let x_start = Fixture::load("train/trajectory/trajectory.safetensors").f32("x_start").data;
    for batch in x_start.chunks_exact(x_start.len() / spec.steps as usize) {
        trainer.train_step(&TrainBatch { x_start: batch, labels: None }).expect("a step");
    }
    let steps = block_on(trainer.read_losses(0)).expect("losses");
    let losses = steps.iter().map(|step| step.loss.into()).collect();
    let norms = steps.iter().map(|step| step.grad_norm.into()).collect();
    ([losses, norms], block_on(trainer.state()).expect("a state"))
}

#[test]
fn twenty_steps_in_other_modes() {
    let fixture = Fixture::load("train/modes/modes.safetensors");
    let names = fixture.names();
    let runs: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("/losses")).collect();
    assert_eq!(runs.len(), 8, "{runs:?}");
    for name in runs {
        let [losses, norms] = run(&mode(name));
        assert_losses(&format!("{name}, losses"), &losses, &fixture.f64(&format!("{name}/losses")).data);
        assert_losses(&format!("{name}, norms"), &norms, &fixture.f64(&format!("{name}/grad_norms")).data);
    }
}

#[test]
fn the_hybrid_loss_and_what_is_seen() {
    let name = "epsilon.learned_range.rescaled_mse";
    let (diffusion, spec) = mode(name);
    let want = Fixture::load("train/modes/modes.safetensors").f64(&format!("{name}/losses")).data;
    for gpu in devices() {
        let ([losses, _], state) = run_to_the_end(gpu, &diffusion, &spec);
        let start = "train/modes/diffusion_pytorch_model.safetensors";
        let name = format!("{name} on {}", device_name(gpu));
        assert_losses(&name, &losses, &want);
        assert_moved_alike(&name, &state.arrays[0], ("train/modes/modes.safetensors", "final"), start);
    }

    let wrong = [
        ("another loss", mode("epsilon.learned_range.mse")),
        ("another variance", mode("epsilon.learned.rescaled_mse")),
        ("another prediction", mode("v_prediction.learned_range.rescaled_mse")),
        ("weights", (diffusion, TrainSpec { min_snr_gamma: Some(5.0), ..spec })),
    ];
    for (what, mode) in wrong {
        let [losses, _] = run(&mode);
        assert_fails(what, || assert_losses("spoilt", &losses, &want));
    }
}

/// The loss at the same draws before and after training on them.
fn before_and_after(diffusion: &DiffusionSpec, spec: &TrainSpec, steps: u32) -> [f64; 2] {
    let mut unet = small_unet(None, 0.0);
    unet.out_channels = diffusion.outputs(1);
    let mut checkpoint = untrained(unet);
    checkpoint.diffusion = diffusion.clone();
    let data = Data::stripes(steps, spec.batch_size, 8);
    let play = |trainer: &mut Trainer| {
        for step in 0..steps {
            trainer.train_step(&data.batch(step, false)).expect("a step");
        }
        let losses = block_on(trainer.read_losses(0)).expect("losses");
        losses.iter().map(|step| f64::from(step.loss)).sum::<f64>() / f64::from(steps)
    };
    let mut trainer = Trainer::new(cpu(), &checkpoint, spec).expect("a trainer");
    play(&mut trainer);
    let trained = TrainState { steps_done: 0, ..block_on(trainer.state()).expect("a state") };
    let still = TrainSpec { learning_rate: 0.0, ..spec.clone() };
    let mut observer = Trainer::new(cpu(), &checkpoint, &still).expect("a trainer");
    let before = play(&mut observer);
    observer.restore(&trained).expect("the same network");
    [before, play(&mut observer)]
}

#[test]
fn every_mode_learns() {
    for prediction_type in ALL_PREDICTIONS {
        for variance_type in ALL_VARIANCES {
            let diffusion = DiffusionSpec {
                num_timesteps: 50,
                prediction_type,
                variance_type,
                ..DiffusionSpec::default()
            };
            for loss in ALL_LOSSES {
                let min_snr_gamma = Some(5.0).filter(|_| loss == LossType::RescaledMse);
                let training = TrainSpec { learning_rate: 4e-3, warmup_steps: 0, ..short(4, 4) };
                let spec = TrainSpec { loss, min_snr_gamma, ..training };
                let [before, after] = before_and_after(&diffusion, &spec, 5);
                println!("{prediction_type:?}, {variance_type:?}, {loss:?}: {before:.4} to {after:.4}");
                assert!(
                    after < 0.99 * before,
                    "{prediction_type:?}, {variance_type:?}, {loss:?}: {before} to {after}"
                );
            }
        }
    }
}

/// The preset as it is, two pictures a step.
#[test]
fn tiny_trains_in_every_mode() {
    let mut losses = ALL_LOSSES.into_iter().cycle();
    for prediction_type in ALL_PREDICTIONS {
        for variance_type in ALL_VARIANCES {
            let diffusion = DiffusionSpec { prediction_type, variance_type, ..DiffusionSpec::default() };
            let mut unet = Preset::Tiny.network([1, 28, 28]);
            unet.out_channels = diffusion.outputs(1);
            let mut checkpoint = untrained(unet);
            checkpoint.diffusion = diffusion;
            let loss = losses.next().expect("endless");
            let training = TrainSpec { warmup_steps: 1, ..Preset::Tiny.training() };
            let spec = TrainSpec { loss, batch_size: 2, micro_batch: 2, ..training };
            let mut trainer = Trainer::new(cpu(), &checkpoint, &spec).expect("a trainer");
            let data = Data::stripes(4, 2, 28);
            for step in 0..4 {
                trainer.train_step(&data.batch(step, false)).expect("a step");
            }
            let losses = block_on(trainer.read_losses(0)).expect("losses");
            let finite = losses.iter().all(|step| step.loss.is_finite() && step.grad_norm.is_finite());
            assert!(finite, "{prediction_type:?}, {variance_type:?}, {loss:?}: {losses:?}");
            block_on(trainer.checkpoint(true)).expect("finite parameters");
        }
        // Another loss for each variance the next time.
        losses.next();
    }
}
