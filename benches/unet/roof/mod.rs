//! What this device can do at best: arithmetic in registers, a matrix product of our own, copies.

mod copy;
mod fma;
mod host;
mod matmul;

use ddpm::error::Result;
use ddpm::gpu::{GpuContext, Plan};
use serde::Serialize;

use crate::measure::{Runs, seconds};
use crate::report::Table;

/// The roofs, each the fastest of a few ways.
#[derive(Serialize)]
pub struct Roofs {
    /// GFLOP/s.
    pub fma: Roof,
    /// GFLOP/s.
    pub matmul: Roof,
    /// GB/s, read and written.
    pub copy: Roof,
}

/// A speed, and how it was reached.
#[derive(Serialize)]
pub struct Roof {
    pub speed: Runs,
    pub how: String,
}

pub fn measure(gpu: &GpuContext) -> Result<Roofs> {
    Ok(Roofs { fma: fma::peak(gpu)?, matmul: matmul::peak(gpu)?, copy: copy::peak(gpu)? })
}

impl Roofs {
    pub fn table(&self) -> Table {
        let row = |what: &str, roof: &Roof, unit: &str| {
            vec![what.to_owned(), format!("{} {unit}", roof.speed.words(1)), roof.how.clone()]
        };
        Table {
            title: "Roofs of this device".to_owned(),
            head: &["roof", "median (least to most)", "how"],
            rows: vec![
                row("multiply-adds in registers", &self.fma, "GFLOP/s"),
                row("matrix product", &self.matmul, "GFLOP/s"),
                row("copy, read and written", &self.copy, "GB/s"),
            ],
        }
    }
}

/// The faster of two ways.
fn faster(a: Roof, b: Roof) -> Roof {
    if a.speed.median >= b.speed.median { a } else { b }
}

/// Billions a second, where playing `plan` does `billions`.
fn speed(gpu: &GpuContext, plan: &Plan, billions: f64, how: impl Into<String>) -> Roof {
    let time = seconds(|n| {
        for _ in 0..n {
            plan.submit(gpu);
        }
        gpu.wait();
    });
    let speed = Runs::new(time.runs.iter().map(|seconds| billions / seconds).collect());
    Roof { speed, how: how.into() }
}
