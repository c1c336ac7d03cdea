//! The device's own clock, read between commands.

#[cfg(feature = "processor")]
use std::sync::Mutex;
#[cfg(feature = "processor")]
use std::time::Instant;

#[cfg(feature = "gpu")]
use super::adapters;
use super::context::{Device, GpuContext};
use super::encoder::Encoder;
use crate::error::Result;

/// Places for readings of the clock.
pub struct Timestamps {
    clock: Clock,
}

enum Clock {
    #[cfg(feature = "gpu")]
    Wgpu(adapters::Clock),
    /// Commands run where they are encoded, so the host's clock is the device's.
    #[cfg(feature = "processor")]
    Processor(Mutex<Vec<Instant>>),
}

impl Timestamps {
    /// The most readings that one of these holds.
    #[cfg(feature = "gpu")]
    pub const MOST: u32 = adapters::MOST_READINGS;
    /// The most readings that one of these holds.
    #[cfg(not(feature = "gpu"))]
    pub const MOST: u32 = 4096;

    /// Places for `count` readings; `None` if the adapter has no clock that commands can read.
    ///
    /// # Errors
    /// If the adapter's limits are too small.
    pub fn new(gpu: &GpuContext, count: u32) -> Result<Option<Self>> {
        let clock = match &gpu.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => adapters::Clock::new(gpu, &wgpu.device, count)?.map(Clock::Wgpu),
            #[cfg(feature = "processor")]
            Device::Processor(_) => Some(Clock::Processor(Mutex::new(vec![Instant::now(); count as usize]))),
        };
        Ok(clock.map(|clock| Self { clock }))
    }

    /// Encodes reading `ix`: when all commands before are done.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "adapters encode"))]
    pub fn write(&self, encoder: &mut Encoder, ix: u32) {
        match &self.clock {
            #[cfg(feature = "gpu")]
            Clock::Wgpu(clock) => clock.write(encoder, ix),
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
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "adapters are read"))]
    pub async fn read(&self, gpu: &GpuContext, count: u32) -> Result<Vec<f64>> {
        match &self.clock {
            #[cfg(feature = "gpu")]
            Clock::Wgpu(clock) => clock.read(gpu, count).await,
            #[cfg(feature = "processor")]
            Clock::Processor(readings) => {
                let readings = readings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let pairs = readings[..count as usize].windows(2);
                Ok(pairs.map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect())
            }
        }
    }
}
