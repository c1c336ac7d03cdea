//! Every layer on both: whether the answers agree, then the times.

use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;
use ddpm::rng::{Stream, fill_normals};
use ddpm::train::initial_weights;
use serde::Serialize;

use crate::layers::LAYERS;
use crate::ours::Ours;
use crate::turns::{Work, in_turns, median, spread};
use crate::{Layer, Options, Peer};

/// ‖Δ‖ / ‖ours‖ of outputs and gradients.
const TOLERANCE: f64 = 1e-4;

/// One layer in one direction: milliseconds, one a round.
#[derive(Serialize)]
struct Row {
    layer: String,
    passes: &'static str,
    gflop: f64,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// Prints a table of `P` beside ours on `gpu`, and writes every run.
pub fn measure<P: Peer>(options: &Options, gpu: &GpuContext) -> Result<()> {
    let (adapter, device) = (gpu.adapter(), P::device(gpu));
    let peer = format!("{} {}", P::CRATE, locked(P::CRATE));
    println!("ours on {} ({}); {peer} on {device}; load {}\n", adapter.name, adapter.driver, load());
    println!("| layer | passes | ours, ms | {0}, ms | ours, GFLOP/s | {0}, times ours |", P::CRATE);
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    let mut rows = Vec::new();
    for layer in &LAYERS {
        rows.extend(compare::<P>(gpu, layer, options.rounds)?);
    }
    let report = serde_json::json!({
        "adapter": adapter.name, "driver": adapter.driver, "peer": peer, "device": device, "load": load(), "rows": rows,
    });
    let path = options.json.join(format!("{}.json", P::CRATE));
    std::fs::create_dir_all(&options.json)
        .and_then(|()| std::fs::write(&path, format!("{report:#}\n")))
        .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
    println!("\nload {} at the end; {} has every run", load(), path.display());
    Ok(())
}

fn compare<P: Peer>(gpu: &GpuContext, layer: &Layer, rounds: u16) -> Result<Vec<Row>> {
    let graph = layer.graph();
    let weights = initial_weights(&graph, 1)?;
    let gflop = graph.flops() as f64 * f64::from(layer.batch) / 1e9;
    let (x, d_out) = (normals(layer, 0), normals(layer, 1));
    let ours = Ours::new(gpu, graph, &weights, layer.batch, [&x, &d_out])?;
    let theirs = P::new(gpu, layer, &weights, [&x, &d_out])?;
    agree(layer, &ours.answers()?, &theirs.answers()?, P::BACKWARD)?;
    let forward: [Work<'_>; 2] = [&|n| ours.forward(n), &|n| theirs.forward(n)];
    let both: [Work<'_>; 2] = [&|n| ours.forward_and_backward(n), &|n| theirs.forward_and_backward(n)];
    let passes = [("forward", 1.0, forward), ("forward and backward", 3.0, both)];
    let mut rows = Vec::new();
    for (passes, cost, work) in passes.into_iter().take(if P::BACKWARD { 2 } else { 1 }) {
        let [ours, theirs] = in_turns(work, rounds)?;
        let ratios: Vec<f64> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
        println!(
            "| {} | {passes} | {:.2} | {:.2} | {:.1} | {} |",
            layer.name(),
            median(&ours),
            median(&theirs),
            cost * gflop / median(&ours) * 1e3,
            spread(&ratios)
        );
        rows.push(Row { layer: layer.name(), passes, gflop: cost * gflop, ours, theirs });
    }
    Ok(rows)
}

/// Fails where an answer differs, or one that is promised is missing.
fn agree(layer: &Layer, ours: &[Vec<f32>], theirs: &[Vec<f32>], backward: bool) -> Result<()> {
    let names = ["the output", "the input's gradient", "the weights' gradient"];
    for (ix, name) in names.into_iter().enumerate().take(if backward { 3 } else { 1 }) {
        let difference = theirs.get(ix).map_or(f64::INFINITY, |theirs| difference(&ours[ix], theirs));
        if !(difference <= TOLERANCE) {
            return Err(Error::input(format!("{}: {name} differs by {difference:.1e}", layer.name())));
        }
    }
    Ok(())
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
