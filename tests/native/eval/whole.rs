//! Whole evaluations: a batch against the network and the host's equations, whatever the batch.

use ddpm::checkpoint::{Checkpoint, folder};
use ddpm::diffusion::bound::bound_term;
use ddpm::diffusion::q_sample;
use ddpm::eval::{Evaluator, Term};
use ddpm::gpu::GpuContext;
use ddpm::graph::unet;
use ddpm::ops::Network;
use ddpm::rng::{Stream, fill_normals};
use ddpm::schedule::{Schedule, ddpm_steps};

use crate::compare::assert_close;
use crate::fixtures::path;
use crate::gpu::{block_on, cpu, devices, name as device_name};
use crate::reference::random::normals as random;

fn reference() -> Checkpoint {
    folder::load(path("checkpoints/fashion-mnist-reference")).expect("the reference checkpoint")
}

fn pictures(count: usize) -> Vec<f32> {
    random(8, count * 784, 0.0, 0.6).iter().map(|x| ((x * 127.5).round() / 127.5).clamp(-1.0, 1.0)).collect()
}

/// The terms of pictures `first..first + count` at `timesteps`, by batches of `batch`.
fn evaluate(
    gpu: &GpuContext,
    checkpoint: &Checkpoint,
    x_start: &[f32],
    batch: u32,
    timesteps: &[u32],
) -> Vec<Vec<Term>> {
    let mut evaluator =
        Evaluator::new(gpu, checkpoint, batch, timesteps.len() as u32, 77).expect("an evaluator");
    let mut rows = Vec::new();
    for (ix, part) in x_start.chunks(784 * batch as usize).enumerate() {
        evaluator.set_pictures(ix as u32 * batch, part, None).expect("pictures");
        for (slot, &t) in (0..).zip(timesteps) {
            evaluator.submit(slot, &vec![t; batch as usize]);
        }
        let terms = block_on(evaluator.read(timesteps.len() as u32)).expect("terms");
        for n in 0..part.len() / 784 {
            rows.push((0..timesteps.len()).map(|slot| terms[slot * batch as usize + n]).collect());
        }
    }
    rows
}

#[test]
fn a_term_is_the_networks_and_the_same_in_every_batch() {
    let checkpoint = reference();
    let (x_start, timesteps) = (pictures(3), [0, 1, 400, 999]);
    for gpu in devices() {
        let alone = evaluate(gpu, &checkpoint, &x_start, 1, &timesteps);
        let together = evaluate(gpu, &checkpoint, &x_start, 2, &timesteps);
        let schedule = Schedule::new(&checkpoint.diffusion).expect("a schedule");
        let steps = ddpm_steps(&checkpoint.diffusion, 1000).expect("steps");
        let graph = unet::describe(&checkpoint.unet, [28, 28]).expect("a graph");
        let network = Network::new(gpu, &graph, &checkpoint.weights, 1).expect("a network");
        for i in 0..3 {
            let mut want = Vec::new();
            for &t in &timesteps {
                let x0: Vec<f64> = x_start[i * 784..][..784].iter().map(|&x| x.into()).collect();
                let mut noise = vec![0.0; 784];
                fill_normals(77, Stream::ForwardNoise, t, i as u32, &mut noise);
                let x_t = q_sample(&schedule, &x0, t, &noise);
                let sample: Vec<f32> = x_t.iter().map(|&x| x as f32).collect();
                let output = block_on(network.predict(gpu, &sample, &[t], None)).expect("an output");
                let output: Vec<f64> = output.iter().map(|&x| x.into()).collect();
                let step = &steps[(999 - t) as usize];
                want.push(bound_term(&checkpoint.diffusion, &schedule, step, [&x0, &x_t, &noise], &output));
            }
            for rows in [&alone, &together] {
                let name = format!("{}: picture {i}", device_name(gpu));
                let found = |of: fn(&Term) -> f32| rows[i].iter().map(of).collect::<Vec<f32>>();
                let wanted: Vec<f64> = want.iter().map(|term| term.vb).collect();
                assert_close(&format!("{name}, vb"), &found(|term| term.vb), &wanted, 1e-4);
                let wanted: Vec<f64> = want.iter().map(|term| term.xstart_mse).collect();
                assert_close(&format!("{name}, xstart_mse"), &found(|term| term.xstart_mse), &wanted, 1e-4);
                let wanted: Vec<f64> = want.iter().map(|term| term.mse).collect();
                assert_close(&format!("{name}, mse"), &found(|term| term.mse), &wanted, 1e-4);
            }
        }
    }
}

#[test]
fn pictures_and_labels_that_do_not_fit_are_refused() {
    let checkpoint = reference();
    let mut evaluator = Evaluator::new(cpu(), &checkpoint, 2, 1, 0).expect("an evaluator");
    let whole = pictures(3);
    for (x_start, labels, wanted) in [
        (&whole[..], None, "1 to 2 pictures"),
        (&whole[..100], None, "1 to 2 pictures"),
        (&whole[..0], None, "1 to 2 pictures"),
        (&whole[..784], Some(&[3u32][..]), "expected 0 labels, found 1"),
    ] {
        let error = evaluator.set_pictures(0, x_start, labels).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
