//! What is measured, and what beside it.

use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;

#[derive(clap::Args)]
pub struct Device {
    /// Measure the first adapter whose name contains this (any case), or the processor: cpu [default: what DDPM_ADAPTER names,
    /// a GPU, or else the processor]
    #[arg(long, value_name = "SUBSTRING")]
    adapter: Option<String>,
    /// Threads of the processor, and of PyTorch beside it [default: its cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Let another adapter, such as llvmpipe, take turns on steps of sampling and of training
    #[arg(long, value_name = "SUBSTRING")]
    beside: Option<String>,
    /// Multiply f16 on matrix units, and let PyTorch use bf16
    #[arg(long, conflicts_with = "threads")]
    mixed_precision: bool,
}

impl Device {
    /// The device.
    pub fn gpu(&self) -> Result<GpuContext> {
        let named = self.adapter.clone().or_else(|| std::env::var("DDPM_ADAPTER").ok());
        let adapter = named.as_deref();
        let gpu = pollster::block_on(async {
            match self.mixed_precision {
                true => GpuContext::request_mixed(adapter).await,
                false => GpuContext::request_with(adapter, self.threads).await,
            }
        })?;
        if self.threads.is_some() && gpu.processor().is_none() {
            let found = &gpu.adapter().name;
            return Err(Error::input(format!(
                "--threads: expected the processor, which --adapter cpu picks, found {found}"
            )));
        }
        Ok(gpu)
    }

    /// The other adapter, if there is to be one.
    pub fn other(&self) -> Result<Option<GpuContext>> {
        let other = self.beside.as_deref().map(|name| {
            pollster::block_on(GpuContext::request_with(Some(name), self.threads))
                .map_err(|error| error.within("--beside"))
        });
        other.transpose()
    }
}
