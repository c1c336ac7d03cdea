//! A run of training: the twins, clipping and the optimisers together, against diffusers and PyTorch step by step.

use std::collections::BTreeMap;

use ddpm::checkpoint::folder;
use ddpm::diffusion::q_sample;
use ddpm::graph::unet;
use ddpm::rng::{Stream, fill_normals, word_block};
use ddpm::schedule::Schedule;

use crate::compare::{assert_fails, assert_max_abs};
use crate::fixtures::{Fixture, path};
use crate::reference::Twin;
use crate::reference::adam::{AdamW, Moments, update_ema};
use crate::reference::clip::clip_norm;
use crate::reference::mse::mean_squared_error;

const SEED: u64 = 11;
const BATCH: u32 = 8;
const WARMUP_STEPS: f64 = 5.0;
/// Everything is f64, as PyTorch's is.
const TOLERANCE: f64 = 1e-10;
/// The weights are kept in f32: half a unit in the last place of 1 to 4.
const WEIGHT_TOLERANCE: f64 = 1.2e-7;

type Weights = BTreeMap<String, Vec<f64>>;

/// What a run of training leaves behind.
struct Run {
    timesteps: Vec<u32>,
    losses: Vec<f64>,
    grad_norms: Vec<f64>,
    weights: Weights,
    ema: Weights,
}

/// Trains as tests/fixtures/train/trajectory/make.py does.
fn train(weight_decay: f64) -> Run {
    let fixture = Fixture::load("train/trajectory/trajectory.safetensors");
    let x_start = fixture.f64("x_start");
    let checkpoint = folder::load(path("train/trajectory")).expect("the U-Net");
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect("its graph");
    let schedule = Schedule::new(&checkpoint.diffusion).expect("a schedule");
    let mut twin = Twin::new(&graph, &checkpoint.weights);
    let mut weights: Weights =
        graph.params.iter().map(|p| (p.name.clone(), twin.parameter_mut(&p.name).to_vec())).collect();
    let mut ema = weights.clone();
    let mut moments: BTreeMap<_, _> =
        weights.iter().map(|(name, data)| (name.clone(), Moments::zeros(data.len()))).collect();
    let (mut timesteps, mut losses, mut grad_norms) = (vec![], vec![], vec![]);
    for k in 1..=x_start.shape[0] as u32 / BATCH {
        let (mut t, mut x_t, mut noise) = (vec![], vec![], vec![]);
        for sample in (k - 1) * BATCH..k * BATCH {
            let x_start = x_start.row(sample as usize);
            let mut drawn = vec![0.0; x_start.len()];
            let word = word_block(SEED, Stream::Timestep, 0, sample, 0)[0];
            let timestep = ((u64::from(word) * schedule.betas.len() as u64) >> 32) as u32;
            fill_normals(SEED, Stream::ForwardNoise, timestep, sample, &mut drawn);
            x_t.extend(q_sample(&schedule, x_start, timestep, &drawn));
            noise.extend(drawn);
            t.push(timestep);
        }
        let (loss, d_output) = mean_squared_error(&twin.predict(&x_t, &t, None), &noise);
        let mut gradients = twin.gradients(&x_t, &t, None, &d_output).parameters;
        grad_norms.push(clip_norm(&mut gradients, 1.0));
        let step = f64::from(k);
        let lr = 1e-3 * (step / WARMUP_STEPS).min(1.0);
        let adam = AdamW { lr, betas: [0.9, 0.999], eps: 1e-8, weight_decay };
        let decay = ((1.0 + step) / (10.0 + step)).min(0.99);
        for (name, gradient) in &gradients {
            let param = weights.get_mut(name).expect(name);
            adam.step(k, param, gradient, moments.get_mut(name).expect(name));
            update_ema(decay, ema.get_mut(name).expect(name), param);
            twin.parameter_mut(name).copy_from_slice(param);
        }
        timesteps.extend(t);
        losses.push(loss);
    }
    Run { timesteps, losses, grad_norms, weights, ema }
}

/// Asserts that `found` are PyTorch's weights of that prefix.
fn assert_weights(prefix: &str, found: &Weights) {
    let fixture = Fixture::load("train/trajectory/trajectory.safetensors");
    let want =
        found.keys().flat_map(|name| fixture.f64(&format!("{prefix}/{name}")).data).collect::<Vec<_>>();
    let found = found.values().flatten().copied().collect::<Vec<_>>();
    assert_max_abs(prefix, &found, &want, WEIGHT_TOLERANCE);
}

#[test]
fn twenty_steps_of_the_twins_follow_pytorch() {
    let fixture = Fixture::load("train/trajectory/trajectory.safetensors");
    let run = train(0.0);
    assert_eq!(run.timesteps.iter().map(|&t| t.into()).collect::<Vec<i64>>(), fixture.i64("timesteps").data);
    assert_max_abs("losses", &run.losses, &fixture.f64("losses").data, TOLERANCE);
    assert_max_abs("norms", &run.grad_norms, &fixture.f64("grad_norms").data, TOLERANCE);
    assert_weights("final", &run.weights);
    assert_weights("ema", &run.ema);
    assert_fails("the weights for their average", || assert_weights("ema", &run.weights));

    let decayed = train(0.01);
    assert_max_abs("losses with decay", &decayed.losses, &fixture.f64("adamw/losses").data, TOLERANCE);
    assert_weights("adamw/final", &decayed.weights);
    assert_fails("no decay", || {
        assert_max_abs("spoilt", &run.losses, &fixture.f64("adamw/losses").data, TOLERANCE);
    });
    assert_fails("no decay", || assert_weights("adamw/final", &run.weights));
}
