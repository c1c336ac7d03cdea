//! Classifier guidance: chains that follow the gradient of ln p(y | x_t), which their user computes (arXiv 2105.05233).

use super::{Sampler, SamplerOptions};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Plan};
use crate::graph::Tensor;
use crate::ops::to_channels_last;

/// What a classifier reads, and what it writes, before each step.
pub struct GuideBuffers<'a> {
    /// x_t: `[count, H · W, stride]` f32, channels last, and what follows it is no concern of the classifier's.
    pub x: &'a Buffer,
    /// t of each picture: `[count]` u32, the network's.
    pub timesteps: &'a Buffer,
    /// ∇ ln p(y | x_t) in x_t, times the scale that is wished for: like x_t. The classifier writes it; it begins with zeros.
    pub gradient: &'a Buffer,
    /// The shape of a picture: a pixel has 4 · [`quads`](Tensor::quads) floats.
    pub tensor: &'a Tensor,
    /// Pictures.
    pub count: u32,
}

impl Sampler {
    /// A chain that follows a classifier. `classifier` is called once and records what computes the gradient; the plan it
    /// returns runs before each step, so nothing is read back:
    ///
    /// - [`Method::Ddpm`](super::Method::Ddpm): the mean moves by σ²·gradient (Algorithm 1);
    /// - all others: ε̂ moves by −√(1 − ᾱ_t)·gradient, and x̂_0 follows it, not clipped again (Algorithm 2). Langevin dynamics
    ///   then has the score of p(x_t | y).
    ///
    /// A classifier on the host returns an empty plan and has its gradients written by [`Self::write_gradient`]:
    /// ```no_run
    /// # #[cfg(not(target_arch = "wasm32"))]
    /// # fn main() -> ddpm::error::Result<()> {
    /// # use ddpm::{checkpoint, gpu::{GpuContext, Plan}, sampler::{Sampler, SamplerOptions}};
    /// # let gpu = pollster::block_on(GpuContext::request(None))?;
    /// # let checkpoint = checkpoint::folder::load("fashion-mnist")?;
    /// let mut chain = Sampler::guided(&gpu, &checkpoint, &SamplerOptions::default(), |_| Ok(Plan::default()))?;
    /// while chain.t().is_some() {
    ///     let x_t = pollster::block_on(chain.read_view(0))?;
    ///     let towards_white: Vec<f32> = x_t.iter().map(|x| 1.0 - x).collect();
    ///     chain.write_gradient(&towards_white)?;
    ///     let mut encoder = gpu.encoder();
    ///     chain.step(&mut encoder);
    ///     gpu.submit(encoder);
    /// }
    /// # Ok(()) }
    /// # #[cfg(target_arch = "wasm32")]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`Self::new`], and those of `classifier`.
    pub fn guided(
        gpu: &GpuContext,
        checkpoint: &Checkpoint,
        options: &SamplerOptions,
        classifier: impl FnOnce(&GuideBuffers<'_>) -> Result<Plan>,
    ) -> Result<Self> {
        Self::record(gpu, checkpoint, options, Some(classifier))
    }

    /// Sets the gradient that the next steps follow: `[count, C, H, W]`.
    ///
    /// # Errors
    /// If the length is wrong, or the chain is not [`guided`](Self::guided).
    pub fn write_gradient(&self, gradient: &[f32]) -> Result<()> {
        let Some(buffer) = &self.gradient else {
            return Err(Error::input("a gradient was given, but this chain follows no classifier"));
        };
        let expected = (self.picture.samples * self.picture.elements()) as usize;
        if gradient.len() != expected {
            return Err(Error::input(format!(
                "expected a gradient of {expected} elements, found {}",
                gradient.len()
            )));
        }
        self.gpu.write(buffer, bytemuck::cast_slice(&to_channels_last(&self.picture_tensor, gradient)));
        Ok(())
    }
}
