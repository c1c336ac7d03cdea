//! Steps of the trainer: what they may make, what divides them, and that they go on from a state.

use ddpm::gpu::GpuContext;
use ddpm::spec::TrainSpec;
use ddpm::train::{StepLoss, TrainState, Trainer};

use super::super::compare::{assert_close, assert_fails};
use super::super::gpu::{block_on, cpu, devices};
use super::{Data, short, small_unet, untrained};

/// A run of `steps` steps, from `state` on if there is one.
fn run(
    gpu: &GpuContext,
    (classes, dropout): (Option<u32>, f32),
    [batch, micro_batch]: [u32; 2],
    steps: std::ops::Range<u32>,
    state: Option<&TrainState>,
) -> (Vec<StepLoss>, TrainState) {
    let checkpoint = untrained(small_unet(classes, dropout));
    let mut trainer = Trainer::new(gpu, &checkpoint, &short(batch, micro_batch)).expect("a trainer");
    if let Some(state) = state {
        trainer.restore(state).expect("the state of the same network");
    }
    let data = Data::stripes(10, batch, 8);
    for step in steps.clone() {
        trainer.train_step(&data.batch(step, classes.is_some())).expect("a step");
    }
    let losses = block_on(trainer.read_losses(steps.start)).expect("losses");
    (losses, block_on(trainer.state()).expect("a state"))
}

#[test]
fn two_runs_and_one_that_was_stopped_are_the_same_bits() {
    for gpu in devices() {
        for (network, batches) in [((None, 0.0), [4, 4]), ((Some(4), 0.2), [6, 2]), ((None, 0.3), [4, 1])] {
            let (losses, state) = run(gpu, network, batches, 0..8, None);
            assert_eq!(losses.len(), 8);
            let (again, same) = run(gpu, network, batches, 0..8, None);
            assert_eq!(losses, again);
            assert!(state == same, "two runs differ");
            let (_, half) = run(gpu, network, batches, 0..3, None);
            let (rest, resumed) = run(gpu, network, batches, 3..8, Some(&half));
            assert_eq!(rest, losses[3..], "losses after going on");
            assert!(state == resumed, "the run that went on differs");
            assert!(state != half, "training changes nothing");
        }
    }
}

#[test]
fn accumulation_changes_nothing_but_rounding() {
    let network = (Some(4), 0.2);
    let (whole, state) = run(cpu(), network, [6, 6], 0..5, None);
    for micro_batch in [1, 2, 3] {
        let (divided, other) = run(cpu(), network, [6, micro_batch], 0..5, None);
        for (a, b) in whole.iter().zip(&divided) {
            let name = format!("step {} by {micro_batch}", a.step);
            assert_close(&name, &[b.loss, b.grad_norm], &[a.loss, a.grad_norm], 2e-5);
        }
        for (a, b) in state.arrays[0].iter().zip(&other.arrays[0]) {
            assert_close(&a.0, &b.1, &a.1, 1e-3);
        }
    }
    let (other, _) = run(cpu(), (Some(4), 0.0), [6, 2], 0..5, None);
    let [a, b] = [&whole, &other].map(|losses| losses[4].loss);
    assert_fails("without dropout", || assert_close("spoilt", &[b], &[a], 2e-5));
}

#[test]
fn a_step_makes_nothing_and_reads_nothing() {
    let checkpoint = untrained(small_unet(Some(4), 0.1));
    for gpu in devices() {
        let gpu = gpu.with_tile(gpu.tile());
        let mut trainer = Trainer::new(&gpu, &checkpoint, &short(4, 2)).expect("a trainer");
        let data = Data::stripes(10, 4, 8);
        let before = gpu.counts();
        for step in 0..4 {
            trainer.train_step(&data.batch(step, true)).expect("a step");
        }
        let after = gpu.counts();
        let made = |c: ddpm::gpu::Counts| [c.allocations, c.pipelines, c.bind_groups, c.readbacks];
        assert_eq!(made(before), made(after), "allocations, pipelines, bind groups, readbacks");
        assert!(after.dispatches > before.dispatches);
    }
}

#[test]
fn validation_draws_the_same_and_changes_nothing() {
    let checkpoint = untrained(small_unet(None, 0.5));
    let mut trainer = Trainer::new(cpu(), &checkpoint, &short(4, 2)).expect("a trainer");
    let data = Data::stripes(10, 2, 8);
    let batches: Vec<_> = (0..5).map(|step| data.batch(step, false)).collect();
    let first = block_on(trainer.validation_loss(&batches)).expect("a loss");
    assert_eq!(first, block_on(trainer.validation_loss(&batches)).expect("a loss"));
    // The output layer is 0 before training, so the loss is the noise's mean square.
    assert!((first - 1.0).abs() < 0.2, "{first}");
    let half = block_on(trainer.validation_loss(&batches[..3])).expect("a loss");
    let rest = block_on(trainer.validation_loss(&batches[3..])).expect("a loss");
    assert!(half != first && rest != first);

    let training = Data::stripes(10, 4, 8);
    trainer.train_step(&training.batch(0, false)).expect("a step");
    let with = block_on(trainer.state()).expect("a state");
    let mut other = Trainer::new(cpu(), &checkpoint, &short(4, 2)).expect("a trainer");
    other.train_step(&training.batch(0, false)).expect("a step");
    assert!(with == block_on(other.state()).expect("a state"), "validation changed the training");
}

/// The names of the parameters that three steps change.
fn trained(stopped: &[&str]) -> Vec<String> {
    let checkpoint = untrained(small_unet(None, 0.0));
    let stopped = stopped.iter().map(|&name| name.to_owned()).collect();
    let spec = TrainSpec { stopped, ..short(4, 4) };
    let mut trainer = Trainer::new(cpu(), &checkpoint, &spec).expect("a trainer");
    let data = Data::stripes(10, 4, 8);
    for step in 0..3 {
        trainer.train_step(&data.batch(step, false)).expect("a step");
    }
    let state = block_on(trainer.state()).expect("a state");
    let changed = |name: &str, values: &[f32]| checkpoint.weights.get(name).expect(name)[..] != *values;
    let moved = state.arrays[0].iter().filter(|(name, values)| changed(name, values));
    // A key's bias has no gradient but rounding's.
    moved.map(|(name, _)| name.clone()).filter(|name| !name.ends_with("to_k.bias")).collect()
}

#[test]
fn nothing_is_learned_behind_a_layer_that_stops() {
    let all = trained(&[]);
    assert!(all.len() > 100, "{all:?}");
    let missing = |stopped: &[&str]| {
        let rest = trained(stopped);
        all.iter().filter(|name| !rest.contains(name)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(missing(&["conv_in"]), ["conv_in.weight", "conv_in.bias"]);
    let time = missing(&["time_embedding.linear_2"]);
    assert!(time.len() == 4 && time.iter().all(|name| name.starts_with("time_embedding.")), "{time:?}");
    // All that the last block adds to; the skips bring gradients past the others.
    let last = missing(&["up_blocks.1.resnets.1.conv2"]);
    for name in ["conv_in.weight", "mid_block.resnets.0.conv1.weight", "up_blocks.1.resnets.1.conv2.weight"] {
        assert!(last.iter().any(|missing| missing == name), "{name}: {last:?}");
    }

    let checkpoint = untrained(small_unet(None, 0.0));
    let spec = TrainSpec { stopped: vec!["conv_in.weight".to_owned()], ..short(4, 4) };
    assert!(Trainer::new(cpu(), &checkpoint, &spec).is_err(), "a parameter is no layer");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let checkpoint = untrained(small_unet(Some(4), 0.0));
    type Alter = fn(&mut TrainSpec);
    let alterations: [(Alter, &str); 6] = [
        (|spec| spec.micro_batch = 3, "micro-batch"),
        (|spec| spec.batch_size = 0, "micro-batch"),
        (|spec| spec.steps = u32::MAX, "2^32"),
        (|spec| spec.beta1 = 1.0, "beta1"),
        (|spec| spec.learning_rate = f64::NAN, "learning rate"),
        (|spec| spec.max_grad_norm = Some(-1.0), "gradient norm"),
    ];
    for (alter, said) in alterations {
        let mut spec = short(4, 2);
        alter(&mut spec);
        let error = Trainer::new(cpu(), &checkpoint, &spec).err().expect(said).to_string();
        assert!(error.contains(said), "{error}");
    }

    let mut trainer = Trainer::new(cpu(), &checkpoint, &short(4, 2)).expect("a trainer");
    let data = Data::stripes(2, 4, 8);
    assert!(trainer.train_step(&data.batch(0, false)).is_err(), "labels are missing");
    let mut batch = data.batch(0, true);
    batch.labels = Some(&[0, 1, 2, 4]);
    assert!(trainer.train_step(&batch).is_err(), "a label past the end");
    batch.labels = Some(&[0, 1, 2]);
    assert!(trainer.train_step(&batch).is_err(), "too few labels");
    batch = data.batch(0, true);
    batch.x_start = &batch.x_start[1..];
    assert!(trainer.train_step(&batch).is_err(), "too few elements");
    assert_eq!(trainer.steps_done(), 0);
}
