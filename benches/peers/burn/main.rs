//! Burn's wgpu backend and ours on the same layers, on the same adapter, in turns. `../run.sh burn` runs it.
//!
//! Both get the same weights and inputs, and their outputs and gradients are compared before anything is timed. Forward alone is
//! timed, and forward with backward (the gradients of the input and of all parameters), which Burn cannot do apart.

mod layers;
mod ours;
mod theirs;

use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::{Device, DeviceKind};
use clap::Parser;
use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;
use ddpm::rng::{Stream, fill_normals};
use ddpm::train::initial_weights;
use serde::Serialize;

use layers::{LAYERS, Layer};
use ours::Ours;
use theirs::Theirs;

/// A run lasts about this long, in seconds.
const RUN_SECONDS: f64 = 0.5;
/// ‖Δ‖ / ‖ours‖ of outputs and gradients.
const TOLERANCE: f64 = 1e-4;

/// Measures Burn's wgpu backend and ours.
#[derive(Parser)]
struct Options {
    /// Runs of each, in turns
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where the numbers go as JSON
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers/burn.json"))]
    json: PathBuf,
}

/// One layer in one direction: milliseconds, one a round.
#[derive(Serialize)]
struct Row {
    layer: String,
    passes: &'static str,
    gflop: f64,
    ours: Vec<f64>,
    burn: Vec<f64>,
}

fn main() {
    if let Err(error) = measure(&Options::parse()) {
        eprintln!("burn-peer: {error}");
        std::process::exit(1);
    }
}

fn measure(options: &Options) -> Result<()> {
    let gpu = pollster::block_on(GpuContext::request(None))?;
    let kind = if gpu.adapter().cpu { DeviceKind::Cpu } else { DeviceKind::DefaultDevice };
    let device = Device::wgpu(kind);
    println!(
        "ours on {} ({}); Burn {} on its {device:?}; load {}\n",
        gpu.adapter().name,
        gpu.adapter().driver,
        locked("burn"),
        load()
    );
    println!("| layer | passes | ours, ms | Burn, ms | ours, GFLOP/s | Burn, times ours |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    let mut rows = Vec::new();
    for layer in &LAYERS {
        rows.extend(compare(&gpu, &device, layer, options.rounds)?);
    }
    let report = serde_json::json!({
        "adapter": gpu.adapter().name, "driver": gpu.adapter().driver, "burn": locked("burn"), "load": load(), "rows": rows,
    });
    let written = options
        .json
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&options.json, format!("{report:#}\n")));
    written.map_err(|error| Error::input(format!("{}: {error}", options.json.display())))?;
    println!("\nload {} at the end; {} has every run", load(), options.json.display());
    Ok(())
}

fn compare(gpu: &GpuContext, device: &Device, layer: &Layer, rounds: usize) -> Result<Vec<Row>> {
    let graph = layer.graph();
    let weights = initial_weights(&graph, 1)?;
    let gflop = graph.flops() as f64 * f64::from(layer.batch) / 1e9;
    let (x, d_out) = (normals(layer, 0), normals(layer, 1));
    let ours = Ours::new(gpu, graph, &weights, layer.batch, [&x, &d_out])?;
    let theirs = Theirs::new(device, layer, &weights, [&x, &d_out])?;
    let names = ["the output", "the input's gradient", "the weights' gradient"];
    for ((name, a), b) in names.into_iter().zip(ours.answers()?).zip(theirs.answers()) {
        let difference = difference(&a, &b);
        if !(difference <= TOLERANCE) {
            return Err(Error::input(format!("{}: {name} differs by {difference:.1e}", layer.name())));
        }
    }
    let mut rows = Vec::new();
    for (passes, cost) in [("forward", 1.0), ("forward and backward", 3.0)] {
        let work: [&dyn Fn(u32); 2] = match passes {
            "forward" => [&|n| ours.forward(n), &|n| theirs.forward(n)],
            _ => [&|n| ours.forward_and_backward(n), &|n| theirs.forward_and_backward(n)],
        };
        let times = in_turns(work, rounds);
        let [ours, burn] = times;
        let ratios: Vec<f64> = burn.iter().zip(&ours).map(|(burn, ours)| burn / ours).collect();
        println!(
            "| {} | {passes} | {:.2} | {:.2} | {:.1} | {} |",
            layer.name(),
            median(&ours),
            median(&burn),
            cost * gflop / median(&ours) * 1e3,
            spread(&ratios)
        );
        rows.push(Row { layer: layer.name(), passes, gflop: cost * gflop, ours, burn });
    }
    Ok(rows)
}

/// Milliseconds a repetition of each, one a round.
fn in_turns(work: [&dyn Fn(u32); 2], rounds: usize) -> [Vec<f64>; 2] {
    let time = |work: &dyn Fn(u32), n: u32| {
        let begin = Instant::now();
        work(n);
        begin.elapsed().as_secs_f64() / f64::from(n)
    };
    // The first compiles and tunes; the second says how many make a run.
    let repetitions = work.map(|work| {
        time(work, 1);
        (RUN_SECONDS / time(work, 1)).clamp(1.0, 1000.0) as u32
    });
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ix in 0..2 {
            times[ix].push(time(work[ix], repetitions[ix]) * 1e3);
        }
    }
    times
}

/// Standard normals, another set for each `number`.
fn normals(layer: &Layer, number: u32) -> Vec<f32> {
    let mut draws = vec![0.0; layer.shape().iter().product()];
    fill_normals(1, Stream::InitialNoise, 0, number, &mut draws);
    draws.into_iter().map(|draw| draw as f32).collect()
}

/// ‖a − b‖ / ‖a‖; infinite if their lengths differ.
fn difference(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() || a.is_empty() {
        return f64::INFINITY;
    }
    let norm =
        |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// "median (least to most)".
fn spread(values: &[f64]) -> String {
    let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
    format!("{:.2} ({least:.2} to {most:.2})", median(values))
}

/// The version in Cargo.lock.
fn locked(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = format!("name = \"{name}\"\nversion = \"");
    lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown")
}

/// The load of the last minute, where the system tells.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
