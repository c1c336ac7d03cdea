//! The GPU's own clock, read between commands.

use super::device::CLOCK;
use crate::error::Result;
use crate::gpu::buffer::Buffer;
use crate::gpu::{Encoder, GpuContext};

/// The most readings of a [`Clock`].
pub(in crate::gpu) const MOST_READINGS: u32 = wgpu::QUERY_SET_MAX_QUERIES;

/// Places for readings.
pub(in crate::gpu) struct Clock {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    words: Buffer,
}

impl Clock {
    /// Places for `count` readings; `None` if the adapter has no clock that commands can read.
    pub(in crate::gpu) fn new(gpu: &GpuContext, device: &wgpu::Device, count: u32) -> Result<Option<Self>> {
        if !device.features().contains(CLOCK) {
            return Ok(None);
        }
        let set = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let words = gpu.buffer("timestamps", 2 * u64::from(count))?;
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: words.bytes(),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Ok(Some(Self { set, resolved, words }))
    }

    /// Encodes reading `ix`.
    pub(in crate::gpu) fn write(&self, encoder: &mut Encoder, ix: u32) {
        encoder.raw().write_timestamp(&self.set, ix);
    }

    /// The seconds between each reading and the next, of the first `count`.
    pub(in crate::gpu) async fn read(&self, gpu: &GpuContext, count: u32) -> Result<Vec<f64>> {
        let bytes = u64::from(count) * 8;
        let mut encoder = gpu.encoder();
        let raw = encoder.raw();
        raw.resolve_query_set(&self.set, 0..count, &self.resolved, 0);
        raw.copy_buffer_to_buffer(&self.resolved, 0, self.words.raw(), 0, bytes);
        gpu.submit(encoder);
        let ticks: Vec<u64> = gpu.read_range(&self.words, 0, bytes).await?;
        let tick = f64::from(gpu.queue().get_timestamp_period()) * 1e-9;
        // A clock that is not exactly the same for two commands may seem to go back.
        Ok(ticks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * tick).collect())
    }
}
