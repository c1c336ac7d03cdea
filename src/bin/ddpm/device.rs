//! What a verb computes on: options that every verb has.

use ddpm::error::Result;
use ddpm::gpu::GpuContext;

use crate::shell::quoted;

#[derive(clap::Args)]
pub struct Device {
    /// Compute on the first adapter whose name contains this (any case); ddpm info lists them.
    #[arg(long, global = true, value_name = "SUBSTRING", display_order = 1000)]
    pub adapter: Option<String>,

    /// Multiply numbers of f16 on the adapter's matrix units, and add in f32: faster, and a little less exact; ddpm info tells
    /// which matrices an adapter has.
    #[arg(long, global = true, display_order = 1001)]
    pub mixed_precision: bool,
}

impl Device {
    /// The device.
    ///
    /// # Errors
    /// If there is no such adapter, it refuses a device, or it has no matrix units.
    pub fn gpu(&self) -> Result<GpuContext> {
        let adapter = self.adapter.as_deref();
        pollster::block_on(async {
            match self.mixed_precision {
                true => GpuContext::request_mixed(adapter).await,
                false => GpuContext::request(adapter).await,
            }
        })
    }

    /// The options again, for a command line to be shown, each after a space.
    pub fn options(&self) -> String {
        let adapter = self.adapter.as_ref().map(|adapter| format!(" --adapter {}", quoted(adapter)));
        let precision = if self.mixed_precision { " --mixed-precision" } else { "" };
        adapter.unwrap_or_default() + precision
    }
}
