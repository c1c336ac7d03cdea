//! What a timing was taken on.

use std::process::Command;

use ddpm::gpu::GpuContext;
use serde::Serialize;

#[derive(Serialize)]
pub struct Machine {
    pub adapter: String,
    pub driver: String,
    pub backend: String,
    pub tile: String,
    /// What the processor is called, where the system tells.
    pub processor: Option<String>,
    pub cores: usize,
    /// Of the processor, if that is the device.
    pub threads: Option<usize>,
    /// Processes that wanted a core over the last minute, where the system tells.
    pub load: Option<f64>,
    pub commit: Option<String>,
}

impl Machine {
    pub fn of(gpu: &GpuContext) -> Self {
        let adapter = gpu.adapter();
        Self {
            adapter: adapter.name.clone(),
            driver: adapter.driver.clone(),
            backend: adapter.backend.clone(),
            tile: format!("{:?}", gpu.tile()),
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: gpu.processor().map(|processor| processor.team().threads()),
            load: load(),
            commit: commit(),
        }
    }

    pub fn words(&self) -> String {
        let load = self.load.map_or_else(String::new, |load| format!(", load {load:.1}"));
        let commit = self.commit.as_deref().unwrap_or("unknown");
        let processor = self.processor.as_deref().unwrap_or("unknown processor");
        format!(
            "{} ({}, {}), {}; {processor}, {} cores{load}, commit {commit}",
            self.adapter, self.backend, self.driver, self.tile, self.cores
        )
    }
}

/// The load of the last minute.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
