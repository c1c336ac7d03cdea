//! What a verb computes on: options that every verb has.

use std::sync::Once;

use ddpm::error::{Error, Result};
use ddpm::gpu::{GpuContext, Processor, Team};

use crate::shell::quoted;

/// The most threads that a processor may have.
const MOST_THREADS: i64 = Team::MOST as i64;

#[derive(clap::Args)]
pub struct Device {
    /// Compute on the first adapter whose name contains this (any case), or on the processor: cpu; ddpm info lists them
    /// [default: a GPU, or else the processor].
    #[arg(long, global = true, value_name = "SUBSTRING", display_order = 1000)]
    pub adapter: Option<String>,

    /// Threads of the processor; pictures do not depend on them [default: its cores].
    #[arg(
        long,
        global = true,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=MOST_THREADS),
        display_order = 1001
    )]
    pub threads: Option<u32>,

    /// Multiply numbers of f16 on the adapter's matrix units, and add in f32: faster, and a little less exact; ddpm info tells
    /// which matrices an adapter has.
    #[arg(long, global = true, display_order = 1002)]
    pub mixed_precision: bool,
}

impl Device {
    /// The device.
    ///
    /// # Errors
    /// If there is no such adapter, it refuses a device, it has no matrix units, or threads are asked of what is no processor.
    pub fn gpu(&self) -> Result<GpuContext> {
        let adapter = self.adapter.as_deref();
        let gpu = pollster::block_on(GpuContext::request_with(adapter, self.threads()))?;
        if self.threads.is_some() && gpu.processor().is_none() {
            let found = &gpu.adapter().name;
            return Err(Error::input(format!(
                "--threads: expected the processor, which --adapter cpu picks, found {found}"
            )));
        }
        self.advise();
        match (self.mixed_precision, gpu.processor()) {
            (false, _) => Ok(gpu),
            (true, None) => pollster::block_on(GpuContext::request_mixed(adapter)),
            (true, Some(_)) => Err(Error::input(
                "--mixed-precision: expected an adapter with matrix units, found the processor, which has none of use",
            )),
        }
    }

    /// The processor, as [`Self::gpu`] would take it.
    ///
    /// # Errors
    /// If its vector unit is forced to one that it lacks.
    pub fn processor(&self) -> Result<Processor> {
        Processor::from_environment(self.threads())
    }

    fn threads(&self) -> Option<usize> {
        self.threads.map(|threads| threads as usize)
    }

    /// Says once that there are more threads than cores.
    fn advise(&self) {
        static SAID: Once = Once::new();
        let cores = Team::cores();
        if let Some(threads) = self.threads().filter(|&threads| threads > cores) {
            SAID.call_once(|| {
                let note = format!(
                    "ddpm: --threads {threads} is more than the cores, {cores}, so they take turns\n"
                );
                // A note that nobody can read does not matter.
                let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
            });
        }
    }

    /// The options again, for a command line to be shown, each after a space.
    pub fn options(&self) -> String {
        let adapter = self.adapter.as_ref().map(|adapter| format!(" --adapter {}", quoted(adapter)));
        let threads = self.threads.map(|threads| format!(" --threads {threads}"));
        let precision = if self.mixed_precision { " --mixed-precision" } else { "" };
        adapter.unwrap_or_default() + &threads.unwrap_or_default() + precision
    }
}

/// What the last bits of a computation on `gpu` depend on, for people: the adapter, or the processor with its vector unit. Threads
/// change nothing.
pub fn origin(gpu: &GpuContext) -> String {
    let name = &gpu.adapter().name;
    match gpu.processor() {
        Some(processor) => format!("{name} ({})", processor.level().name()),
        None => name.clone(),
    }
}
