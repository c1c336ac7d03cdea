//! A step of the reverse chain.

use std::time::Instant;

use ddpm::checkpoint::Checkpoint;
use ddpm::gpu::GpuContext;
use ddpm::sampler::{Sampler, SamplerOptions};

use super::measure::{RUNS, seconds};

/// One line of the table: `batch` pictures.
pub fn row(gpu: &GpuContext, checkpoint: &Checkpoint, batch: u32, gflop: f64, roof: f64) -> String {
    let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
    let mut sampler = Sampler::new(gpu, checkpoint, &options).expect("a chain");
    let mut encoding = Vec::new();
    let time = seconds(|steps| {
        if sampler.steps_total() - sampler.steps_done() < steps {
            sampler.restart(1);
        }
        let begin = Instant::now();
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        (0..steps).for_each(|_| sampler.step(&mut encoder));
        encoding.push(begin.elapsed().as_secs_f64() / f64::from(steps));
        gpu.queue().submit([encoder.finish()]);
        gpu.wait();
    });
    let mut encoding = encoding.split_off(encoding.len() - RUNS);
    encoding.sort_by(f64::total_cmp);
    let speed = gflop * f64::from(batch) / time.median;
    format!(
        "| {batch} | {:.4} | {:.4} to {:.4} | {speed:.2} | {:.0} % | {:.2} | {} |",
        time.median,
        time.least,
        time.most,
        100.0 * speed / roof,
        encoding[RUNS / 2] * 1e3,
        sampler.dispatches_per_step()
    )
}
