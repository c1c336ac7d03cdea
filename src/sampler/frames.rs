//! Kept frames: x_t, x̂_0 and ε̂ at some steps of a chain, copied on the GPU, for scrubbing, films and going on.

use super::Sampler;
use crate::error::Result;
use crate::gpu::{Buffer, Encoder};
use crate::ops::to_channels_first;

/// All kept frames of a chain, oldest first.
pub struct Frames {
    buffers: Vec<Buffer>,
    kept: Vec<u32>,
    every: u32,
    view_bytes: u64,
}

impl Frames {
    /// Room for a frame every so many steps of `sampler`'s chain, at most `max_frames` and about `max_bytes`.
    /// The beginning and the end are always kept.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn new(sampler: &Sampler, max_frames: u32, max_bytes: u64) -> Result<Self> {
        let view_bytes = sampler.view_bytes();
        let affordable = (max_bytes / (view_bytes * 3)).clamp(2, u64::from(max_frames.max(2))) as u32;
        let every = sampler.steps_total().div_ceil(affordable - 1).max(1);
        let slots = sampler.steps_total().div_ceil(every) + 1;
        let buffers: Result<Vec<Buffer>> =
            (0..slots).map(|_| sampler.gpu().buffer("kept frame", view_bytes * 3 / 4)).collect();
        Ok(Self { buffers: buffers?, kept: Vec::new(), every, view_bytes })
    }

    /// Steps between two frames.
    pub fn every(&self) -> u32 {
        self.every
    }

    /// Steps done at each kept frame, ascending.
    pub fn kept(&self) -> &[u32] {
        &self.kept
    }

    /// Whether the chain stands where a frame belongs.
    pub fn is_due(&self, sampler: &Sampler) -> bool {
        let at = sampler.steps_done();
        at.is_multiple_of(self.every) || at == sampler.steps_total()
    }

    /// Encodes a copy of the present frame, if one is due here. Frames of a later time are forgotten first: they belong
    /// to another future.
    pub fn keep(&mut self, sampler: &Sampler, encoder: &mut Encoder) {
        if !self.is_due(sampler) {
            return;
        }
        let at = sampler.steps_done();
        self.kept.retain(|&k| k < at);
        let slot = &self.buffers[at.div_ceil(self.every) as usize];
        for (view, offset) in sampler.views().into_iter().zip((0..).step_by(self.view_bytes as usize)) {
            encoder.copy(sampler.gpu(), (view, 0), (slot, offset), self.view_bytes);
        }
        self.kept.push(at);
    }

    /// Brings back the last frame kept at or before `steps_done`; the steps done there.
    ///
    /// Frames after it stay until the chain is played on.
    pub fn restore(&self, sampler: &mut Sampler, steps_done: u32) -> Option<u32> {
        let at = self.kept.iter().copied().filter(|&k| k <= steps_done).max()?;
        let slot = &self.buffers[at.div_ceil(self.every) as usize];
        let gpu = sampler.gpu().clone();
        let mut encoder = gpu.encoder();
        for (view, offset) in sampler.views().into_iter().zip((0..).step_by(self.view_bytes as usize)) {
            encoder.copy(&gpu, (slot, offset), (view, 0), self.view_bytes);
        }
        for copy in 1..sampler.picture.copies {
            let to = u64::from(copy) * self.view_bytes;
            encoder.copy(&gpu, (slot, 0), (&sampler.network_x, to), self.view_bytes);
        }
        gpu.submit(encoder);
        sampler.set_position(at);
        Some(at)
    }

    /// Reads one view (0 x_t, 1 x̂_0, 2 ε̂) of a kept frame back as `[count, C, H, W]`.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read(&self, sampler: &Sampler, kept: u32, view_ix: usize) -> Result<Vec<f32>> {
        let slot = &self.buffers[kept.div_ceil(self.every) as usize];
        let offset = view_ix as u64 * self.view_bytes;
        let values: Vec<f32> = sampler.gpu().read_range(slot, offset, self.view_bytes).await?;
        Ok(to_channels_first(&sampler.picture_tensor, &values))
    }
}
