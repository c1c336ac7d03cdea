//! `./build.sh bench`: steps of the reference U-Net's chain on this adapter, in seconds and GFLOP/s (direct-convolution
//! FLOPs, as `ddpm info` counts them). Medians of several runs, with their spread.

use std::time::Instant;

use ddpm::checkpoint::folder;
use ddpm::gpu::GpuContext;
use ddpm::graph::unet;
use ddpm::sampler::{Sampler, SamplerOptions};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/models/fashion-mnist-reference.safetensors");
/// Runs of which the median is taken.
const RUNS: usize = 7;
/// A run lasts about this long, in seconds.
const RUN_SECONDS: f64 = 1.0;

fn main() {
    let adapter = std::env::var("DDPM_ADAPTER").ok();
    let gpu = pollster::block_on(GpuContext::request(adapter.as_deref())).expect("an adapter");
    let checkpoint = folder::load(MODEL).expect("the reference model");
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect("a U-Net");
    let gflop = graph.flops() as f64 / 1e9;
    println!("adapter: {} ({}), {:?}", gpu.adapter().name, gpu.adapter().driver, gpu.tile());
    println!("model: {} parameters, {gflop:.3} GFLOP a picture and step\n", graph.num_parameters());
    println!("| batch | s a step | spread | GFLOP/s | encode ms a step | dispatches |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for batch in [1, 4, 16] {
        let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
        let mut sampler = Sampler::new(&gpu, &checkpoint, &options).expect("a chain");
        // The first step compiles; the second says how many make a run.
        time(&mut sampler, 1);
        let steps = (RUN_SECONDS / time(&mut sampler, 1).0).clamp(1.0, 100.0) as u32;
        let mut runs: Vec<(f64, f64)> = (0..RUNS).map(|_| time(&mut sampler, steps)).collect();
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (median, encode) = runs[RUNS / 2];
        println!(
            "| {batch} | {median:.4} | {:.4} to {:.4} | {:.2} | {:.2} | {} |",
            runs[0].0,
            runs[RUNS - 1].0,
            gflop * f64::from(batch) / median,
            encode * 1e3,
            sampler.dispatches_per_step()
        );
    }
}

/// Seconds a step, and of them seconds encoding, over `steps` steps in one submission.
fn time(sampler: &mut Sampler, steps: u32) -> (f64, f64) {
    if sampler.steps_total() - sampler.steps_done() < steps {
        sampler.restart(1);
    }
    let gpu = sampler.gpu().clone();
    gpu.wait();
    let begin = Instant::now();
    let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    for _ in 0..steps {
        sampler.step(&mut encoder);
    }
    let encoded = begin.elapsed().as_secs_f64();
    gpu.queue().submit([encoder.finish()]);
    gpu.wait();
    (begin.elapsed().as_secs_f64() / f64::from(steps), encoded / f64::from(steps))
}
