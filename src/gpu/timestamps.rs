//! The device's own clock, read between commands.

use std::sync::Mutex;
use std::time::Instant;

use super::buffer::Buffer;
use super::context::{CLOCK, Device, GpuContext};
use super::encoder::Encoder;
use crate::error::Result;

/// Places for readings of the clock.
pub struct Timestamps {
    clock: Clock,
}

enum Clock {
    Wgpu {
        set: wgpu::QuerySet,
        resolved: wgpu::Buffer,
        words: Buffer,
    },
    /// Commands run where they are encoded, so the host's clock is the device's.
    #[cfg(feature = "processor")]
    Processor(Mutex<Vec<Instant>>),
}

impl Timestamps {
    /// The most readings that one of these holds.
    pub const MOST: u32 = wgpu::QUERY_SET_MAX_QUERIES;

    /// Places for `count` readings; `None` if the adapter has no clock that commands can read.
    ///
    /// # Errors
    /// If the adapter's limits are too small.
    pub fn new(gpu: &GpuContext, count: u32) -> Result<Option<Self>> {
        let device = match &gpu.inner.device {
            Device::Wgpu { device, .. } => device,
            #[cfg(feature = "processor")]
            Device::Processor(_) => {
                let readings = Mutex::new(vec![Instant::now(); count as usize]);
                return Ok(Some(Self { clock: Clock::Processor(readings) }));
            }
        };
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
        Ok(Some(Self { clock: Clock::Wgpu { set, resolved, words } }))
    }

    /// Encodes reading `ix`: when all commands before are done.
    pub fn write(&self, encoder: &mut Encoder, ix: u32) {
        match &self.clock {
            Clock::Wgpu { set, .. } => encoder.raw().write_timestamp(set, ix),
            #[cfg(feature = "processor")]
            Clock::Processor(readings) => {
                if let Ok(mut readings) = readings.lock() {
                    readings[ix as usize] = Instant::now();
                }
            }
        }
    }

    /// The seconds between each reading and the next, of the first `count`, which must have been submitted. Awaits the device:
    /// not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read(&self, gpu: &GpuContext, count: u32) -> Result<Vec<f64>> {
        let (set, resolved, words) = match &self.clock {
            Clock::Wgpu { set, resolved, words } => (set, resolved, words),
            #[cfg(feature = "processor")]
            Clock::Processor(readings) => {
                let readings = readings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let pairs = readings[..count as usize].windows(2);
                return Ok(pairs.map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect());
            }
        };
        let bytes = u64::from(count) * 8;
        let mut encoder = gpu.encoder();
        let raw = encoder.raw();
        raw.resolve_query_set(set, 0..count, resolved, 0);
        raw.copy_buffer_to_buffer(resolved, 0, words.raw(), 0, bytes);
        gpu.submit(encoder);
        let ticks: Vec<u64> = gpu.read_range(words, 0, bytes).await?;
        let tick = f64::from(gpu.queue().get_timestamp_period()) * 1e-9;
        // A clock that is not exactly the same for two commands may seem to go back.
        Ok(ticks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * tick).collect())
    }
}
