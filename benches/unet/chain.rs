//! A chain end to end: whether the device ever waits for the host.

use std::time::Instant;

use ddpm::error::Result;
use ddpm::gpu::{Encoder, GpuContext, Timestamps};
use ddpm::sampler::{self, Sampler, SamplerOptions};
use serde::Serialize;

use crate::measure::{Runs, sizes};
use crate::networks::Network;
use crate::report::{Table, percent};
use crate::steps::Work;
use crate::tuned::tuned;

/// A chain is as long as so many runs of a step's own benchmark.
const RUNS_A_CHAIN: u32 = 4;
/// And has two readings of the clock a submission.
const MOST_STEPS: u32 = Timestamps::MOST / 2;

/// One batch size.
#[derive(Serialize)]
pub struct Row {
    network: &'static str,
    batch: u32,
    steps: u32,
    dispatches_a_step: usize,
    /// Of the longest submission.
    steps_a_submission: u32,
    /// Of the host, a step; a processor runs commands where they are encoded.
    encoding_seconds: Option<Runs>,
    /// From the first command to the last result, a step.
    wall_seconds: Runs,
    /// In which the device worked, by its own clock, a step; without timestamps there is none.
    gpu_seconds: Option<Runs>,
    /// Their share of the seconds from its first command to its last, by the same clock.
    busy: Option<Runs>,
}

/// A chain of `batch` pictures, as [`sampler::run`] plays it.
pub fn row(gpu: &GpuContext, network: &Network, batch: u32) -> Result<Row> {
    let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
    let gpu = tuned(gpu, network, Work::Sampling, batch)?;
    let mut chain = Sampler::new(&gpu, &network.checkpoint, &options)?;
    play(&mut chain, 1)?;
    let (steps, runs) = sizes(play(&mut chain, 1)?.wall);
    let steps = (steps * RUNS_A_CHAIN).min(MOST_STEPS).min(chain.steps_total());
    let played = (0..runs).map(|_| play(&mut chain, steps)).collect::<Result<Vec<_>>>()?;
    let of = |value: fn(&Played) -> f64| Runs::new(played.iter().map(value).collect());
    let clocked: Option<Vec<[f64; 2]>> = played.iter().map(|played| played.gpu).collect();
    let clock = |ix: usize| clocked.as_ref().map(|all| Runs::new(all.iter().map(|pair| pair[ix]).collect()));
    Ok(Row {
        network: network.name,
        batch,
        steps,
        dispatches_a_step: chain.plan().dispatches(),
        steps_a_submission: played.iter().map(|played| played.longest).max().unwrap_or(0),
        encoding_seconds: gpu.processor().is_none().then(|| of(|played| played.encoding)),
        wall_seconds: of(|played| played.wall),
        gpu_seconds: clock(0),
        busy: clock(1),
    })
}

/// A chain that was played; seconds are a step's.
struct Played {
    wall: f64,
    encoding: f64,
    /// Steps of its longest submission.
    longest: u32,
    /// Seconds in which the device worked, and their share of those from its first command to its last.
    gpu: Option<[f64; 2]>,
}

/// Plays `steps` steps from x_T, each submission between two readings of its clock.
fn play(chain: &mut Sampler, steps: u32) -> Result<Played> {
    chain.restart(1);
    let gpu = chain.gpu().clone();
    gpu.wait();
    let clock = Timestamps::new(&gpu, 2 * steps)?;
    let (mut encoding, mut longest, mut readings) = (0.0, 0, 0);
    let mut read = |encoder: &mut Encoder| {
        if let Some(clock) = &clock {
            clock.write(encoder, readings);
            readings += 1;
        }
    };
    let encode = |chain: &mut Sampler, encoder: &mut Encoder, steps: u32| {
        read(encoder);
        let begin = Instant::now();
        (0..steps).for_each(|_| chain.step(encoder));
        encoding += begin.elapsed().as_secs_f64();
        read(encoder);
        longest = longest.max(steps);
    };
    let begin = Instant::now();
    sampler::run_encoded(chain, steps, encode, |_| ())?;
    let wall = begin.elapsed().as_secs_f64();
    let gpu = match &clock {
        Some(clock) => {
            let spans = pollster::block_on(clock.read(&gpu, readings))?;
            let working: f64 = spans.iter().step_by(2).sum();
            Some([working / f64::from(steps), working / spans.iter().sum::<f64>()])
        }
        None => None,
    };
    let steps = f64::from(steps);
    Ok(Played { wall: wall / steps, encoding: encoding / steps, longest, gpu })
}

pub fn table(rows: &[Row]) -> Table {
    let milliseconds = |runs: &Runs| format!("{:.2}", runs.median * 1e3);
    let row = |row: &Row| {
        let busy = row.busy.as_ref().map_or_else(
            || "no timestamps".to_owned(),
            |busy| format!("{} ({} to {})", percent(busy.median), percent(busy.least), percent(busy.most)),
        );
        vec![
            row.network.to_owned(),
            row.batch.to_string(),
            row.steps.to_string(),
            milliseconds(&row.wall_seconds),
            row.gpu_seconds.as_ref().map_or_else(String::new, milliseconds),
            busy,
            row.dispatches_a_step.to_string(),
            row.encoding_seconds
                .as_ref()
                .map_or_else(|| "none".to_owned(), |runs| format!("{:.3}", runs.median * 1e3)),
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
            "device",
            "device busy",
            "dispatches a step",
            "encoding",
            "steps a submission",
        ],
        rows: rows.iter().map(row).collect(),
    }
}
