//! Every kernel of a step: time, what it does with it, and its share of what the device can.

use std::collections::BTreeMap;

use ddpm::error::Result;
use ddpm::gpu::{GpuContext, Plan, StepTime};
use ddpm::sampler::{Sampler, SamplerOptions};
use ddpm::spec::TrainSpec;
use ddpm::train::Trainer;
use serde::Serialize;

use crate::costs::{Costs, Work};
use crate::networks::Network;
use crate::report::{Table, percent};
use crate::roof::Roofs;
use crate::steps;
use crate::tuned::tuned;

/// Times a plan is played; each of its steps counts with its median.
const PLAYED: usize = 5;
/// The kernel after which a training step's backward pass begins.
const LOSS: &str = "training_loss";
/// A table has no line for less of a step.
const SMALL: f64 = 0.005;

/// All dispatches of one kernel in one pass.
#[derive(Default, Serialize)]
pub struct Row {
    plan: &'static str,
    pass: &'static str,
    kernel: String,
    dispatches: usize,
    seconds: f64,
    /// Of the plan's time.
    share: f64,
    /// FLOPs as direct convolutions; 0 where that is not what it does, or not known.
    flop: f64,
    /// Bytes read and written at least, likewise.
    bytes: f64,
}

/// The kernels of sampling and of training `batch` pictures; none if the adapter has no timestamps. A
/// processor's clock is the host's; its threads are woken for each kernel here, for a step once.
pub fn rows(gpu: &GpuContext, network: &Network, batch: u32) -> Result<Vec<Row>> {
    let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
    let fastest = tuned(gpu, network, steps::Work::Sampling, batch)?;
    let sampler = Sampler::new(&fastest, &network.checkpoint, &options)?;
    let costs = Costs::new(&network.graph, batch);
    let mut rows = Vec::new();
    let Some(found) = profile(gpu, sampler.plan())? else { return Ok(rows) };
    rows.extend(grouped("sampling", &costs, &found, 0..0));

    let spec = TrainSpec { batch_size: batch, micro_batch: batch, ..TrainSpec::default() };
    let fastest = tuned(gpu, network, steps::Work::Training, batch)?;
    let trainer = Trainer::new(&fastest, &network.checkpoint, &spec)?;
    let [micro, update] = trainer.plans();
    let Some(mut found) = profile(gpu, micro)? else { return Ok(rows) };
    let loss = found.iter().position(|step| step.kernel == LOSS).unwrap_or(found.len());
    let backward = loss..found.len();
    found.extend(profile(gpu, update)?.unwrap_or_default());
    rows.extend(grouped("training", &costs, &found, backward));
    Ok(rows)
}

/// Each step's median time.
fn profile(gpu: &GpuContext, plan: &Plan) -> Result<Option<Vec<StepTime>>> {
    let mut played = Vec::new();
    // The first one warms up.
    for _ in 0..=PLAYED {
        match pollster::block_on(plan.profile(gpu))? {
            Some(times) => played.push(times),
            None => return Ok(None),
        }
    }
    let mut steps = played[0].clone();
    for (ix, step) in steps.iter_mut().enumerate() {
        let mut times: Vec<f64> = played[1..].iter().map(|times| times[ix].seconds).collect();
        times.sort_by(f64::total_cmp);
        step.seconds = times[PLAYED / 2];
    }
    Ok(Some(steps))
}

/// The kernels of `steps`, of which those in `backward` are a backward pass; the slowest first.
fn grouped(
    plan: &'static str,
    costs: &Costs<'_>,
    steps: &[StepTime],
    backward: std::ops::Range<usize>,
) -> Vec<Row> {
    let mut rows: BTreeMap<(&'static str, String), Row> = BTreeMap::new();
    let total: f64 = steps.iter().map(|step| step.seconds).sum();
    let passes =
        [("forward", 0..backward.start), ("backward", backward.clone()), ("", backward.end..steps.len())];
    for (pass, range) in passes {
        let pass = if backward.is_empty() {
            ""
        } else if pass.is_empty() {
            "update"
        } else {
            pass
        };
        let steps = &steps[range];
        for (step, work) in steps.iter().zip(costs.work(steps, pass == "backward")) {
            let row = rows.entry((pass, step.kernel.clone())).or_default();
            row.dispatches += 1;
            row.seconds += step.seconds;
            row.share += step.seconds / total;
            match work {
                Some(Work::Flop(flop)) => row.flop += flop,
                Some(Work::Bytes(bytes)) => row.bytes += bytes,
                None => {}
            }
        }
    }
    let named = rows.into_iter().map(|((pass, kernel), row)| Row { plan, pass, kernel, ..row });
    let mut rows: Vec<Row> = named.collect();
    rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    rows
}

pub fn table(network: &Network, batch: u32, rows: &[Row], roofs: &Roofs) -> Table {
    let row = |row: &Row| {
        let (flops, bytes) = (row.flop / row.seconds / 1e9, row.bytes / row.seconds / 1e9);
        let (speed, share) = match (row.flop > 0.0, row.bytes > 0.0) {
            (true, _) => (format!("{flops:.1} GFLOP/s"), percent(flops / roofs.fma.speed.median)),
            (_, true) => (format!("{bytes:.1} GB/s"), percent(bytes / roofs.copy.speed.median)),
            _ => Default::default(),
        };
        let pass = format!("{} {}", row.plan, row.pass).trim_end().to_owned();
        let time = format!("{:.2}", row.seconds * 1e3);
        vec![pass, row.kernel.clone(), row.dispatches.to_string(), time, percent(row.share), speed, share]
    };
    let small = |plan: &str| {
        let rows = rows.iter().filter(|row| row.plan == plan && row.share < SMALL);
        let (count, time, share) =
            rows.fold((0, 0.0, 0.0), |(n, time, share), row| (n + 1, time + row.seconds, share + row.share));
        let cells = [plan.to_owned(), format!("{count} others"), String::new()];
        let numbers = [format!("{:.2}", time * 1e3), percent(share), String::new(), String::new()];
        cells.into_iter().chain(numbers).collect()
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    for plan in ["sampling", "training"] {
        lines.extend(rows.iter().filter(|row| row.plan == plan && row.share >= SMALL).map(row));
        lines.push(small(plan));
    }
    Table {
        title: format!("Kernels, {}, {batch} pictures, by the device's clock", network.name),
        head: &["step", "kernel", "dispatches", "ms", "of the step", "speed", "of the roof"],
        rows: lines,
    }
}
