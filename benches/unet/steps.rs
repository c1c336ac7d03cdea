//! A step of the reverse chain, and a step of training, at several batch sizes.

use ddpm::error::Result;
use ddpm::gpu::GpuContext;
use ddpm::sampler::{Sampler, SamplerOptions};
use ddpm::spec::TrainSpec;
use ddpm::train::{TrainBatch, Trainer};
use serde::Serialize;

use crate::measure::{Runs, seconds};
use crate::networks::Network;
use crate::report::{Table, percent};
use crate::roof::Roofs;
use crate::tuned::tuned;

const BATCHES: [u32; 4] = [1, 4, 16, 64];

/// What is done with a batch.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    Sampling,
    Training,
}

impl Work {
    /// Evaluations that have as many FLOPs: training has a gradient for the input and one for the weights of each product.
    pub fn passes(self) -> f64 {
        match self {
            Work::Sampling => 1.0,
            Work::Training => 3.0,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Work::Sampling => "sampling",
            Work::Training => "training",
        }
    }
}

/// One batch size.
#[derive(Serialize)]
pub struct Row {
    network: &'static str,
    work: Work,
    batch: u32,
    gflop: f64,
    /// Seconds a step; without, it was left out.
    seconds: Option<Runs>,
    /// What it was left out for: seconds a step, by the batch before.
    expected: f64,
}

/// All batches whose step is expected to take at most `limit` seconds.
pub fn rows(gpu: &GpuContext, network: &Network, work: Work, limit: f64) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut a_picture = 0.0;
    for batch in BATCHES {
        let expected = a_picture * f64::from(batch);
        let gflop = work.passes() * network.gflop(batch);
        let measured = match expected <= limit {
            true => Some(seconds(steps(gpu, network, work, batch)?)),
            false => None,
        };
        gpu.check()?;
        if let Some(runs) = &measured {
            a_picture = runs.median / f64::from(batch);
        }
        rows.push(Row { network: network.name, work, batch, gflop, seconds: measured, expected });
    }
    Ok(rows)
}

/// What does so many steps and waits for them.
pub type Steps = Box<dyn FnMut(u32)>;

/// Steps of `work` with `batch` pictures.
pub fn steps(gpu: &GpuContext, network: &Network, work: Work, batch: u32) -> Result<Steps> {
    let gpu = &tuned(gpu, network, work, batch)?;
    match work {
        Work::Sampling => sampling(gpu, network, batch),
        Work::Training => training(gpu, network, batch),
    }
}

fn sampling(gpu: &GpuContext, network: &Network, batch: u32) -> Result<Steps> {
    let options = SamplerOptions { count: batch, ..SamplerOptions::default() };
    let mut sampler = Sampler::new(gpu, &network.checkpoint, &options)?;
    let gpu = gpu.clone();
    Ok(Box::new(move |steps| {
        if sampler.steps_total() - sampler.steps_done() < steps {
            sampler.restart(1);
        }
        let mut encoder = gpu.encoder();
        (0..steps).for_each(|_| sampler.step(&mut encoder));
        gpu.submit(encoder);
        gpu.wait();
    }))
}

fn training(gpu: &GpuContext, network: &Network, batch: u32) -> Result<Steps> {
    let spec = TrainSpec { batch_size: batch, micro_batch: batch, ..TrainSpec::default() };
    let mut trainer = Trainer::new(gpu, &network.checkpoint, &spec)?;
    let unet = &network.checkpoint.unet;
    let [height, width] = unet.sample_size;
    let x_start = vec![0.25; (batch * unet.in_channels * height * width) as usize];
    Ok(Box::new(move |steps| {
        for _ in 0..steps {
            trainer.train_step(&TrainBatch { x_start: &x_start, labels: None }).expect("a batch of its size");
        }
        trainer.gpu().wait();
    }))
}

pub fn table(network: &Network, work: Work, rows: &[Row], roofs: &Roofs) -> Table {
    let row = |row: &Row| {
        let Some(seconds) = &row.seconds else {
            let words = format!("left out: about {:.0} s", row.expected);
            return vec![
                row.batch.to_string(),
                words,
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ];
        };
        let speed = row.gflop / seconds.median;
        vec![
            row.batch.to_string(),
            seconds.words(4),
            format!("{:.1}", f64::from(row.batch) / seconds.median),
            format!("{speed:.1}"),
            percent(speed / roofs.fma.speed.median),
            percent(speed / roofs.matmul.speed.median),
        ]
    };
    let gflop = work.passes() * network.gflop(1);
    Table {
        title: format!("A step of {}, {}: {gflop:.3} GFLOP a picture", work.name(), network.name),
        head: &["pictures", "seconds", "pictures/s", "GFLOP/s", "of the roof", "of the matrix product"],
        rows: rows.iter().map(row).collect(),
    }
}
