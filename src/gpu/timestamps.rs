//! The GPU's own clock, read between commands.

use super::buffer::Buffer;
use super::context::{CLOCK, GpuContext};
use crate::error::Result;

/// Places for readings of the clock.
pub struct Timestamps {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    words: Buffer,
}

impl Timestamps {
    /// The most readings that one of these holds.
    pub const MOST: u32 = wgpu::QUERY_SET_MAX_QUERIES;

    /// Places for `count` readings; `None` if the adapter has no clock that commands can read.
    ///
    /// # Errors
    /// If the adapter's limits are too small.
    pub fn new(gpu: &GpuContext, count: u32) -> Result<Option<Self>> {
        if !gpu.device().features().contains(CLOCK) {
            return Ok(None);
        }
        let set = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let words = gpu.buffer("timestamps", 2 * u64::from(count))?;
        let resolved = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: words.bytes(),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Ok(Some(Self { set, resolved, words }))
    }

    /// Encodes reading `ix`: when all commands before are done.
    pub fn write(&self, encoder: &mut wgpu::CommandEncoder, ix: u32) {
        encoder.write_timestamp(&self.set, ix);
    }

    /// The seconds between each reading and the next, of the first `count`, which must have been submitted. Awaits the device:
    /// not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read(&self, gpu: &GpuContext, count: u32) -> Result<Vec<f64>> {
        let bytes = u64::from(count) * 8;
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.resolve_query_set(&self.set, 0..count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, self.words.raw(), 0, bytes);
        gpu.queue().submit([encoder.finish()]);
        let ticks: Vec<u64> = gpu.read_range(&self.words, 0, bytes).await?;
        let tick = f64::from(gpu.queue().get_timestamp_period()) * 1e-9;
        // A clock that is not exactly the same for two commands may seem to go back.
        Ok(ticks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * tick).collect())
    }
}
