//! What each step of a plan takes.

use super::context::GpuContext;
use super::plan::Plan;
use super::timestamps::Timestamps;
use crate::error::Result;

/// One step of a plan, and its time by the GPU's clock.
#[derive(Clone, Debug)]
pub struct StepTime {
    /// Its kernel ([`KernelKey::name`](super::KernelKey::name)), `copy_to_texels` or `clear`.
    pub kernel: String,
    /// The layer or buffer that it belongs to.
    pub label: String,
    /// What a copy or clearing moves; a dispatch does not say.
    pub bytes: Option<u64>,
    /// GPU time.
    pub seconds: f64,
}

impl Plan {
    /// Plays the plan once, each step alone between two readings of the GPU's clock; `None` if the adapter has no such clock.
    /// Dispatches that might overlap do not, so that the sum may be more than the plan takes. Awaits the device.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn profile(&self, gpu: &GpuContext) -> Result<Option<Vec<StepTime>>> {
        let mut times = Vec::with_capacity(self.steps.len());
        for steps in self.steps.chunks(Timestamps::MOST as usize - 1) {
            let readings = steps.len() as u32 + 1;
            let Some(timestamps) = Timestamps::new(gpu, readings)? else { return Ok(None) };
            let mut encoder = gpu.encoder();
            timestamps.write(&mut encoder, 0);
            for (step, ix) in steps.iter().zip(1..) {
                Plan { steps: vec![step.clone()] }.encode(gpu, &mut encoder);
                timestamps.write(&mut encoder, ix);
            }
            gpu.submit(encoder);
            let seconds = timestamps.read(gpu, readings).await?;
            times.extend(steps.iter().zip(seconds).map(|(step, seconds)| {
                let (kernel, label, bytes) = step.describe();
                StepTime { kernel, label: label.to_owned(), bytes, seconds }
            }));
        }
        gpu.check()?;
        Ok(Some(times))
    }
}
