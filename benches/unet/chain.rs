//! A chain end to end: whether the GPU ever waits for the host.

use std::time::Instant;

use ddpm::error::Result;
use ddpm::gpu::{GpuContext, Timestamps};
use ddpm::sampler::{self, Sampler, SamplerOptions};
use serde::Serialize;

use crate::measure::{Runs, sizes};
use crate::networks::Network;
use crate::report::{Table, percent};

/// A chain is as long as so many runs of a step's own benchmark.
const RUNS_A_CHAIN: u32 = 4;

/// One batch size.
#[derive(Serialize)]
pub struct Row {
    network: &'static str,
    batch: u32,
    steps: u32,
    dispatches_a_step: usize,
    /// Of the longest submission.
    steps_a_submission: u32,
    /// Of the host, a step.
    encoding_seconds: Runs,
    /// From the first command to the last result, a step.
    wall_seconds: Runs,
    /// By the GPU's own clock, a step; without timestamps there is none.
    gpu_seconds: Option<Runs>,
    /// gpu / wall, of a chain played and the same submissions timed right after it.
    busy: Option<Runs>,
}

/// A chain of `batch` pictures, as [`sampler::run`] plays it.
pub fn row(gpu: &GpuContext, network: &Network, batch: u32) -> Result<Row> {
    let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
    let mut chain = Sampler::new(gpu, &network.checkpoint, &options)?;
    play(&mut chain, 1)?;
    let (steps, runs) = sizes(play(&mut chain, 1)?.0);
    let steps = (steps * RUNS_A_CHAIN).min(chain.steps_total());

    let (mut wall, mut encoding, mut on_gpu, mut longest) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..runs {
        let (seconds, submissions) = play(&mut chain, steps)?;
        wall.push(seconds / f64::from(steps));
        longest = longest.max(submissions.iter().copied().max().unwrap_or(0));
        let (host, clock) = timed(&mut chain, &submissions)?;
        encoding.push(host / f64::from(steps));
        on_gpu.extend(clock.map(|seconds| seconds / f64::from(steps)));
    }
    let busy: Vec<f64> = on_gpu.iter().zip(&wall).map(|(gpu, wall)| gpu / wall).collect();
    let some = |runs: Vec<f64>| (!runs.is_empty()).then(|| Runs::new(runs));
    Ok(Row {
        network: network.name,
        batch,
        steps,
        dispatches_a_step: chain.plan().dispatches(),
        steps_a_submission: longest,
        encoding_seconds: Runs::new(encoding),
        wall_seconds: Runs::new(wall),
        gpu_seconds: some(on_gpu),
        busy: some(busy),
    })
}

/// Plays `steps` steps from x_T; the seconds, and the steps of each submission.
fn play(chain: &mut Sampler, steps: u32) -> Result<(f64, Vec<u32>)> {
    chain.restart(1);
    chain.gpu().wait();
    let (mut submissions, mut done) = (Vec::new(), 0);
    let begin = Instant::now();
    sampler::run_until(chain, steps, None, |steps_done| {
        submissions.push(steps_done - done);
        done = steps_done;
    })?;
    Ok((begin.elapsed().as_secs_f64(), submissions))
}

/// The same submissions, each between two readings of the GPU's clock: the host's seconds of encoding, and the GPU's.
fn timed(chain: &mut Sampler, submissions: &[u32]) -> Result<(f64, Option<f64>)> {
    let gpu = chain.gpu().clone();
    chain.restart(1);
    let (mut host, mut on_gpu) = (0.0, Some(0.0));
    let clock = Timestamps::new(&gpu, 2)?;
    for &steps in submissions {
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if let Some(clock) = &clock {
            clock.write(&mut encoder, 0);
        }
        let begin = Instant::now();
        (0..steps).for_each(|_| chain.step(&mut encoder));
        host += begin.elapsed().as_secs_f64();
        if let Some(clock) = &clock {
            clock.write(&mut encoder, 1);
            clock.resolve(&mut encoder);
        }
        gpu.queue().submit([encoder.finish()]);
        on_gpu = match &clock {
            Some(clock) => on_gpu.zip(pollster::block_on(clock.read(&gpu))?.first()).map(|(sum, s)| sum + s),
            None => None,
        };
    }
    gpu.wait();
    Ok((host, on_gpu))
}

pub fn table(rows: &[Row]) -> Table {
    let milliseconds = |runs: &Runs| format!("{:.2}", runs.median * 1e3);
    let row = |row: &Row| {
        let busy = row.busy.as_ref().map_or_else(
            || "no timestamps".to_owned(),
            |busy| {
                format!("{} ({} to {})", percent(busy.median), percent(busy.least), percent(busy.most))
            },
        );
        vec![
            row.network.to_owned(),
            row.batch.to_string(),
            row.steps.to_string(),
            milliseconds(&row.wall_seconds),
            row.gpu_seconds.as_ref().map_or_else(String::new, milliseconds),
            busy,
            row.dispatches_a_step.to_string(),
            format!("{:.3}", row.encoding_seconds.median * 1e3),
            row.steps_a_submission.to_string(),
        ]
    };
    Table {
        title: "A chain end to end; times in ms a step".to_owned(),
        head: &[
            "network",
            "pictures",
            "steps",
            "wall",
            "GPU",
            "GPU busy",
            "dispatches a step",
            "encoding",
            "steps a submission",
        ],
        rows: rows.iter().map(row).collect(),
    }
}
