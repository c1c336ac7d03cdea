//! Chains that begin with a picture rather than with noise, and chains that know a part of theirs.

use super::Sampler;
use crate::error::{Error, Result};
use crate::gpu::{Plan, Recorder};
use crate::ops::inpaint::{self, KnownBuffers};
use crate::ops::to_channels_last;

impl Sampler {
    /// Goes to `steps_done` with x_t ~ q(x_t | x_start), t being the next step's: √ᾱ_t·x_start + √(1 − ᾱ_t)·noise
    /// (arXiv 2006.11239 eq. 4), or at the end of the chain x_start itself. The noise is that of the seed, t and the
    /// picture's index.
    ///
    /// x_start: `[count, C, H, W]`.
    ///
    /// # Errors
    /// If the length is wrong, the chain has fewer steps, or the memory cannot be had.
    pub fn start_from(&mut self, x_start: &[f32], steps_done: u32) -> Result<()> {
        let mask = vec![0.0; self.picture.plane as usize];
        self.write_x(x_start, steps_done)?;
        self.known_plan(x_start, &mask)?.submit(&self.gpu);
        Ok(())
    }

    /// From here on the pixels whose `mask` is below ½ are x_start's: before each step they are a draw of q(x_t | x_start),
    /// and in the end x_start itself (RePaint, arXiv 2201.09865 eq. 8). The others are painted anew, to
    /// fit them; [`SamplerOptions::resample`](super::SamplerOptions::resample) lets them fit better. x_t is made to follow at once, and again whenever the chain is restarted.
    ///
    /// x_start: `[count, C, H, W]`; mask: `[H, W]`.
    ///
    /// # Errors
    /// If a length is wrong, or the memory cannot be had.
    pub fn inpaint(&mut self, x_start: &[f32], mask: &[f32]) -> Result<()> {
        let plan = self.known_plan(x_start, mask)?;
        plan.submit(&self.gpu);
        self.step_plan = std::mem::take(&mut self.step_plan).then(plan.clone());
        self.draw_plan = std::mem::take(&mut self.draw_plan).then(plan);
        Ok(())
    }

    fn known_plan(&self, x_start: &[f32], mask: &[f32]) -> Result<Plan> {
        let [elements, pixels] = [self.picture.samples * self.picture.elements(), self.picture.plane];
        if [x_start.len(), mask.len()] != [elements, pixels].map(|n| n as usize) {
            return Err(Error::input(format!(
                "expected a picture of {elements} elements and a mask of {pixels} pixels, found {} and {}",
                x_start.len(),
                mask.len()
            )));
        }
        let known = self.gpu.buffer_with("known", &to_channels_last(&self.picture_tensor, x_start))?;
        let mask = self.gpu.buffer_with("mask", mask)?;
        let buffers = KnownBuffers {
            chain: &self.chain,
            steps: &self.steps,
            known: &known,
            mask: &mask,
            x: &self.network_x,
        };
        let mut rec = Recorder::new(&self.gpu);
        inpaint::record(&mut rec, &self.picture, self.steps_total(), &buffers)?;
        Ok(rec.finish())
    }
}
