//! Another adapter beside ours, such as llvmpipe beside the processor: steps of sampling and of training, in turns.

use ddpm::error::Result;
use ddpm::gpu::GpuContext;
use serde::Serialize;

use crate::measure::{Runs, in_turns};
use crate::networks::Network;
use crate::report::Table;
use crate::steps::{Work, steps};

const BATCHES: [u32; 3] = [1, 4, 16];

/// One batch size.
#[derive(Serialize)]
pub struct Row {
    network: &'static str,
    work: Work,
    batch: u32,
    gflop: f64,
    /// Without, it was left out.
    times: Option<Times>,
    /// What it was left out for: seconds a step of the slower, by the batch before.
    expected: f64,
}

/// Seconds a step.
#[derive(Serialize)]
struct Times {
    ours: Runs,
    theirs: Runs,
    /// theirs / ours, run by run.
    ratio: Runs,
}

/// All batches whose step is expected to take the slower at most `limit` seconds.
pub fn rows(
    gpu: &GpuContext,
    other: &GpuContext,
    network: &Network,
    work: Work,
    limit: f64,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut a_picture = 0.0;
    for batch in BATCHES {
        let expected = a_picture * f64::from(batch);
        let mut times = None;
        if expected <= limit {
            let (mut ours, mut theirs) =
                (steps(gpu, network, work, batch)?, steps(other, network, work, batch)?);
            let [ours, theirs] = in_turns([&mut *ours, &mut *theirs]);
            a_picture = ours.median.max(theirs.median) / f64::from(batch);
            times = Some(Times { ratio: theirs.by(&ours), ours, theirs });
        }
        gpu.check()?;
        other.check()?;
        let gflop = work.passes() * network.gflop(batch);
        rows.push(Row { network: network.name, work, batch, gflop, times, expected });
    }
    Ok(rows)
}

pub fn table(gpu: &GpuContext, other: &GpuContext, network: &Network, rows: &[Row]) -> Table {
    let row = |row: &Row| {
        let mut cells = vec![row.work.name().to_owned(), row.batch.to_string()];
        match &row.times {
            Some(Times { ours, theirs, ratio }) => cells.extend([
                ours.words(4),
                format!("{:.1}", row.gflop / ours.median),
                theirs.words(4),
                ratio.words(2),
            ]),
            None => {
                cells.push(format!("left out: about {:.0} s", row.expected));
                cells.resize(6, String::new());
            }
        }
        cells
    };
    let [ours, theirs] = [gpu, other].map(|gpu| &gpu.adapter().name);
    Table {
        title: format!("{ours} beside {theirs}, {}, in turns", network.name),
        head: &["step", "pictures", "ours, s", "GFLOP/s", "theirs, s", "theirs, times ours"],
        rows: rows.iter().map(row).collect(),
    }
}
