//! Evaluation: the variational bound on −log p(x_0) with all its terms (arXiv 2006.11239 §4, eq. 5), and the rates and
//! distortions of the progressive code that they are (§4.3).
//!
//! [`Evaluator`] computes terms on the GPU, [`Strata`] says at which t, and [`BoundTable`] collects them and says what they
//! come to. [`frechet`] compares sets of pictures by their features.

pub mod frechet;
mod neighbours;
mod strata;
mod table;

pub use neighbours::{Neighbour, nearest};
pub use strata::Strata;
pub use table::{BoundTable, Estimate, RatePoint, Term};

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Pace, Plan, Recorder};
use crate::graph::unet;
use crate::ops::bound::{self, BoundBuffers};
use crate::ops::chain::{Chain, Picture, StepCoefficients};
use crate::ops::q_sample::{self, ForwardBuffers};
use crate::ops::{Network, to_channels_last};
use crate::schedule::{self, Schedule};
use crate::spec::DiffusionSpec;

/// Terms of the bound on the GPU, a batch of pictures at a time.
///
/// The noise of picture i at t is Philox's of (seed, forward noise, t, i), so a term is the same whatever the batch.
pub struct Evaluator {
    gpu: GpuContext,
    network: Network,
    plan: Plan,
    chain: Buffer,
    x_start: Buffer,
    terms: Buffer,
    seed: u64,
    first_picture: u32,
    pace: Pace,
}

impl Evaluator {
    /// For batches of `batch` pictures, with room for the terms of `slots` times.
    ///
    /// # Errors
    /// If the checkpoint makes no sense, or the batch does not fit the adapter.
    pub fn new(gpu: &GpuContext, checkpoint: &Checkpoint, batch: u32, slots: u32, seed: u64) -> Result<Self> {
        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
        checkpoint.check_outputs()?;
        let network = Network::new(gpu, &graph, &checkpoint.weights, batch)?;
        let tensor = network.input_tensor();
        let picture = Picture {
            plane: tensor.pixels(),
            channels: tensor.channels(),
            stride: tensor.quads() * 4,
            samples: batch,
            copies: 1,
            shared_noise: false,
        };
        // The bound is the full chain's, wherever a respaced one would begin.
        let spec = DiffusionSpec { steps_offset: 0, ..checkpoint.diffusion.clone() };
        let steps = schedule::ddpm_steps(&spec, spec.num_timesteps)?;
        let steps: Vec<StepCoefficients> = steps.iter().map(StepCoefficients::from).collect();
        let steps = gpu.buffer_with("steps", &steps)?;
        let coefficients = gpu.buffer_with("coefficients", &Schedule::new(&spec)?.forward_coefficients())?;
        let chain = gpu.buffer("evaluation chain", 4)?;
        let x_start = gpu.buffer("x_start", network.x.bytes() / 4)?;
        let noise = gpu.buffer("noise", network.x.bytes() / 4)?;
        let terms = gpu.buffer("terms", u64::from(slots) * u64::from(batch) * 4)?;

        let mut rec = Recorder::new(gpu);
        let noised = ForwardBuffers {
            chain: &chain,
            x_start: &x_start,
            timesteps: &network.timesteps,
            coefficients: &coefficients,
            x_t: &network.x,
            noise: &noise,
        };
        q_sample::record(&mut rec, &picture, &noised)?;
        let before = rec.take();
        let buffers = BoundBuffers {
            chain: &chain,
            steps: &steps,
            timesteps: &network.timesteps,
            x_start: &x_start,
            x_t: &network.x,
            noise: &noise,
            model_output: &network.output,
            output_stride: network.output_tensor().quads() * 4,
            terms: &terms,
        };
        bound::record(&mut rec, &picture, &spec, &buffers)?;
        let plan = before.then(network.plan.clone()).then(rec.finish());
        Ok(Self {
            gpu: gpu.clone(),
            network,
            plan,
            chain,
            x_start,
            terms,
            seed,
            first_picture: 0,
            pace: Pace::default(),
        })
    }

    /// Pictures a batch.
    pub fn batch(&self) -> u32 {
        self.network.batch()
    }

    /// Puts pictures in place, the first of which has the index `first_picture`. `x_start`: `[n, C, H, W]` in \[−1, 1\], n at
    /// most a batch; `labels`: `[n]`, if the network has classes.
    ///
    /// # Errors
    /// If they are too many, not whole, or labels are missing or none of the network's.
    pub fn set_pictures(
        &mut self,
        first_picture: u32,
        x_start: &[f32],
        labels: Option<&[u32]>,
    ) -> Result<()> {
        let tensor = self.network.input_tensor();
        let elements = (tensor.pixels() * tensor.channels()) as usize;
        let (count, batch) = (x_start.len() / elements, self.batch() as usize);
        if !x_start.len().is_multiple_of(elements) || count == 0 || count > batch {
            return Err(Error::input(format!(
                "expected 1 to {batch} pictures of {elements} elements, found {} elements",
                x_start.len()
            )));
        }
        // What is left of a batch is black and nobody's.
        let mut whole = x_start.to_vec();
        whole.resize(batch * elements, 0.0);
        self.gpu.write(&self.x_start, bytemuck::cast_slice(&to_channels_last(tensor, &whole)));
        match (labels, self.network.labels.is_some()) {
            (Some(labels), true) if labels.len() == count => {
                let mut whole = labels.to_vec();
                whole.resize(batch, labels[0]);
                self.network.write_labels(&self.gpu, &whole)?;
            }
            (None, false) => {}
            (labels, _) => {
                return Err(Error::input(format!(
                    "expected {} labels, found {}",
                    if self.network.labels.is_some() { count } else { 0 },
                    labels.map_or(0, <[u32]>::len)
                )));
            }
        }
        self.first_picture = first_picture;
        Ok(())
    }

    /// Computes the term of each picture at its t in `timesteps` (`[batch]`) into `slot`. Returns when the GPU has at most two
    /// of these to go.
    ///
    /// # Panics
    /// If there are not as many as pictures a batch.
    pub fn submit(&mut self, slot: u32, timesteps: &[u32]) {
        assert_eq!(timesteps.len(), self.batch() as usize, "a t for each picture");
        self.gpu.write(&self.network.timesteps, bytemuck::cast_slice(timesteps));
        let chain = Chain::new(slot, self.seed, self.first_picture);
        self.gpu.write(&self.chain, bytemuck::bytes_of(&chain));
        let submitted = self.plan.submit(&self.gpu);
        self.pace.submitted(&self.gpu, submitted);
    }

    /// The terms of the first `slots` slots: `[slots][batch]`.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read(&self, slots: u32) -> Result<Vec<Term>> {
        let bytes = u64::from(slots) * u64::from(self.batch()) * 16;
        let values: Vec<[f32; 4]> = self.gpu.read_range(&self.terms, 0, bytes).await?;
        self.gpu.check()?;
        Ok(values.into_iter().map(|[vb, xstart_mse, mse, _]| Term { vb, xstart_mse, mse }).collect())
    }
}
