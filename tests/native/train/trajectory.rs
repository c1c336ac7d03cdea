//! Twenty steps against PyTorch's, from the same weights, pictures, timesteps and noise: fixtures/train/trajectory.

use std::collections::BTreeMap;

use ddpm::checkpoint::Checkpoint;
use ddpm::gpu::GpuContext;
use ddpm::spec::TrainSpec;
use ddpm::train::{StepLoss, TrainBatch, TrainState, Trainer};

use super::super::compare::{assert_fails, relative_l2};
use super::super::fixtures::{self, Fixture};
use super::super::gpu::{block_on, cpu, devices, levels, methods, name as device_name};

const KNOWN: &str = "train/trajectory/trajectory.safetensors";
const START: &str = "train/trajectory/diffusion_pytorch_model.safetensors";
const STEPS: u32 = 20;
const BATCH: u32 = 8;
/// Relative difference of every loss; what f32 leaves is far below.
const TOLERANCE: f64 = 1e-3;

fn trajectory() -> Fixture {
    Fixture::load(KNOWN)
}

pub fn spec(weight_decay: f64, micro_batch: u32) -> TrainSpec {
    TrainSpec {
        steps: STEPS,
        batch_size: BATCH,
        micro_batch,
        learning_rate: 1e-3,
        warmup_steps: 5,
        weight_decay,
        max_grad_norm: Some(1.0),
        ema_decay: 0.99,
        seed: 11,
        ..TrainSpec::default()
    }
}

fn run(gpu: &GpuContext, spec: &TrainSpec) -> (Vec<StepLoss>, TrainState) {
    let read = |name: &str| std::fs::read(fixtures::path(&format!("train/trajectory/{name}"))).expect(name);
    let config = String::from_utf8(read("config.json")).expect("text");
    let weights = read("diffusion_pytorch_model.safetensors");
    let checkpoint = Checkpoint::from_parts(&config, None, weights).expect("a checkpoint");
    let mut trainer = Trainer::new(gpu, &checkpoint, spec).expect("a trainer");
    let x_start = trajectory().f32("x_start").data;
    for batch in x_start.chunks_exact(x_start.len() / STEPS as usize) {
        trainer.train_step(&TrainBatch { x_start: batch, labels: None }).expect("a step");
    }
    let losses = block_on(trainer.read_losses(0)).expect("losses");
    (losses, block_on(trainer.state()).expect("a state"))
}

pub fn assert_losses(name: &str, found: &[f64], want: &[f64]) {
    assert_eq!(found.len(), want.len(), "{name}");
    let worst = found.iter().zip(want).map(|(f, w)| ((f - w) / w).abs()).fold(0.0, f64::max);
    println!("{name}: largest relative difference {worst:.2e}");
    assert!(worst <= TOLERANCE, "{name}: {worst:e}, expected at most {TOLERANCE:e}");
}

/// ‖found − want‖ against how far training moved the parameters from those in `start`; wanted are those of `file` under
/// `prefix`.
pub fn assert_moved_alike(
    name: &str,
    found: &[(String, Vec<f32>)],
    (file, prefix): (&str, &str),
    start: &str,
) {
    let (fixture, start) = (Fixture::load(file), Fixture::load(start));
    let (mut moves, mut wanted) = (Vec::new(), Vec::new());
    for (param, values) in found.iter().filter(|(param, _)| !param.ends_with("to_k.bias")) {
        let (want, start) = (fixture.f64(&format!("{prefix}/{param}")).data, start.f64(param).data);
        moves.extend(values.iter().zip(&start).map(|(&v, s)| f64::from(v) - s));
        wanted.extend(want.iter().zip(&start).map(|(w, s)| w - s));
    }
    let difference = relative_l2(&moves, &wanted);
    println!("{name}: parameters moved alike to {difference:.2e}");
    assert!(difference <= TOLERANCE, "{name}: {difference:e}");
}

/// Losses, norms, weights and their average after twenty steps of Adam.
fn check(name: &str, gpu: &GpuContext, micro_batch: u32) {
    let fixture = trajectory();
    let (losses, norms) = (fixture.f64("losses").data, fixture.f64("grad_norms").data);
    let (found, state) = run(gpu, &spec(0.0, micro_batch));
    let column = |of: fn(&StepLoss) -> f32| found.iter().map(|s| f64::from(of(s))).collect::<Vec<_>>();
    assert_losses(&format!("{name}, losses"), &column(|s| s.loss), &losses);
    assert_losses(&format!("{name}, norms"), &column(|s| s.grad_norm), &norms);
    assert_moved_alike(name, &state.arrays[0], (KNOWN, "final"), START);
    assert_moved_alike(&format!("{name}, average"), &state.arrays[3], (KNOWN, "ema"), START);
}

#[test]
fn twenty_steps_of_adam_on_every_vector_unit() {
    for (level, gpu) in levels() {
        check(&format!("{level:?}"), &gpu, BATCH);
    }
}

#[test]
fn twenty_steps_of_adam_in_every_tiling() {
    let micro_batches = [BATCH, BATCH, BATCH, BATCH / 4, BATCH, BATCH / 2, BATCH / 4];
    let mut tilings = methods();
    for micro_batch in micro_batches {
        let (tile, gpu) = tilings.next().expect("a way for each size");
        check(&format!("{tile:?} by {micro_batch}"), gpu, micro_batch);
    }
    assert!(tilings.next().is_none(), "a size for each way");
}

#[test]
fn twenty_steps_of_adamw_and_what_is_seen() {
    let want = trajectory().f64("adamw/losses").data;
    for gpu in devices() {
        let (found, state) = run(gpu, &spec(0.01, BATCH));
        let column: Vec<f64> = found.iter().map(|s| f64::from(s.loss)).collect();
        let name = format!("AdamW on {}", device_name(gpu));
        assert_losses(&format!("{name}, losses"), &column, &want);
        assert_moved_alike(&name, &state.arrays[0], (KNOWN, "adamw/final"), START);
    }

    let wrong: BTreeMap<&str, TrainSpec> = BTreeMap::from([
        ("another seed", TrainSpec { seed: 12, ..spec(0.01, BATCH) }),
        ("no clipping", TrainSpec { max_grad_norm: None, ..spec(0.01, BATCH) }),
        ("no warm-up", TrainSpec { warmup_steps: 0, ..spec(0.01, BATCH) }),
        ("another beta", TrainSpec { beta2: 0.99, ..spec(0.01, BATCH) }),
    ]);
    for (what, spec) in wrong {
        let (found, _) = run(cpu(), &spec);
        let column: Vec<f64> = found.iter().map(|s| f64::from(s.loss)).collect();
        assert_fails(what, || assert_losses("spoilt", &column, &want));
    }
}

/// The fixture's timesteps are the project's own draws.
#[test]
fn the_fixtures_timesteps_are_ours() {
    let timesteps = trajectory().i64("timesteps").data;
    let ours = (0..STEPS * BATCH).map(|s| {
        let [word, ..] = ddpm::rng::word_block(11, ddpm::rng::Stream::Timestep, 0, s, 0);
        ((u64::from(word) * 1000) >> 32) as i64
    });
    assert!(ours.eq(timesteps.iter().copied()));
}
