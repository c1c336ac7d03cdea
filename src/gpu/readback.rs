//! Results back to the host. Never inside the loop.

use std::sync::atomic::Ordering::Relaxed;

use super::buffer::Buffer;
use super::context::{Device, GpuContext};
use crate::error::Result;

impl GpuContext {
    /// The words of `buffer`, after all that was submitted before. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read<T: bytemuck::Pod>(&self, buffer: &Buffer) -> Result<Vec<T>> {
        self.read_range(buffer, 0, buffer.bytes()).await
    }

    /// `bytes` bytes of `buffer` from `offset` (both multiples of 4).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_range<T: bytemuck::Pod>(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<T>> {
        self.inner.counters.readbacks.fetch_add(1, Relaxed);
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(_) => self.read_mapped(buffer, offset, bytes).await,
            #[cfg(feature = "processor")]
            Device::Processor(processor) => Ok(processor.read(buffer, offset, bytes)),
        }
    }
}
