//! The methods for convolutions beside each other: a step of sampling by each, in turns, and how long the driver compiles.

use std::time::Instant;

use ddpm::error::Result;
use ddpm::gpu::{Algorithm, GpuContext, KernelKey, Methods, Tile};
use ddpm::ops::SHADERS;
use serde::Serialize;

use crate::measure::{Runs, processor_seconds, sizes};
use crate::networks::Network;
use crate::report::Table;
use crate::steps::{Work, steps};

const BATCHES: [u32; 2] = [1, 16];
/// Turns of each method.
const ROUNDS: usize = 5;

/// One method and batch size.
#[derive(Serialize)]
pub struct Row {
    method: &'static str,
    batch: u32,
    gflop: f64,
    /// By the clock on the wall, a step.
    seconds: Runs,
    /// Of the process, on all cores together, a step; without, the system does not tell.
    processor: Option<Runs>,
}

/// How long the driver takes to compile one kernel.
#[derive(Serialize)]
pub struct Compiled {
    kernel: String,
    milliseconds: f64,
}

/// Steps of sampling, computed directly and by the rule, in turns.
pub fn rows(gpu: &GpuContext, network: &Network) -> Result<Vec<Row>> {
    let methods = [("direct", Methods::Fixed(Algorithm::Direct)), ("rule", Methods::Rule)];
    let mut rows = Vec::new();
    for batch in BATCHES {
        let mut turns = Vec::new();
        for (name, methods) in &methods {
            let mut step = steps(&gpu.with_methods(methods.clone()), network, Work::Sampling, batch)?;
            // The first compiles; the second says how many make a run.
            step(1);
            let begin = Instant::now();
            step(1);
            let (repetitions, _) = sizes(begin.elapsed().as_secs_f64());
            turns.push((*name, step, repetitions, Vec::new(), Vec::new()));
        }
        for _ in 0..ROUNDS {
            for (_, step, repetitions, wall, processor) in &mut turns {
                let (begin, before) = (Instant::now(), processor_seconds());
                step(*repetitions);
                wall.push(begin.elapsed().as_secs_f64() / f64::from(*repetitions));
                let used = processor_seconds().zip(before).map(|(after, before)| after - before);
                processor.extend(used.map(|used| used / f64::from(*repetitions)));
            }
        }
        gpu.check()?;
        for (method, _, _, wall, processor) in turns {
            let processor = (!processor.is_empty()).then(|| Runs::new(processor));
            let gflop = network.gflop(batch);
            rows.push(Row { method, batch, gflop, seconds: Runs::new(wall), processor });
        }
    }
    Ok(rows)
}

/// Every kernel for convolutions of this adapter's kind.
pub fn compiled(gpu: &GpuContext) -> Result<Vec<Compiled>> {
    let gpu = gpu.with_tile(gpu.tile());
    let texel = gpu.tile() == Tile::Registers;
    let shaders = SHADERS.iter().filter(|shader| {
        let reads_texels = shader.name.ends_with("_texel") || shader.name == "winograd_weights";
        (shader.name.starts_with("conv2d") || shader.name.starts_with("winograd")) && reads_texels == texel
    });
    let mut compiled = Vec::new();
    for shader in shaders {
        for consts in shader.const_sets() {
            let key = KernelKey { shader, entry_point: shader.entry_points[0], consts };
            let begin = Instant::now();
            pollster::block_on(gpu.compile_and_wait(key))?;
            compiled.push(Compiled { kernel: key.name(), milliseconds: begin.elapsed().as_secs_f64() * 1e3 });
        }
    }
    Ok(compiled)
}

pub fn table(network: &Network, rows: &[Row]) -> Table {
    let row = |row: &Row| {
        vec![
            row.batch.to_string(),
            row.method.to_owned(),
            row.seconds.words(4),
            row.processor.as_ref().map_or_else(String::new, |runs| runs.words(4)),
            format!("{:.1}", row.gflop / row.seconds.least),
        ]
    };
    Table {
        title: format!("Methods for convolutions, a step of sampling, {}, in turns", network.name),
        head: &["pictures", "method", "seconds", "seconds of all cores", "GFLOP/s at best"],
        rows: rows.iter().map(row).collect(),
    }
}

pub fn compile_table(compiled: &[Compiled]) -> Table {
    let row = |row: &Compiled| vec![row.kernel.clone(), format!("{:.0}", row.milliseconds)];
    Table {
        title: "Compiling".to_owned(),
        head: &["kernel", "milliseconds"],
        rows: compiled.iter().map(row).collect(),
    }
}
