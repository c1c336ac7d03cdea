//! Training on the GPU: Algorithm 1 of the paper, with Adam, clipping and the parameters' moving average.
//!
//! A step is a fixed list of dispatches and nothing is read back in it. All that is drawn (t, ε, dropout) is a function of the
//! seed and of the sample's number, step · batch + position: a batch gives the same step however it is divided, up to
//! rounding, and a run that goes on from a [`TrainState`] is the run that was never stopped, bit for bit.

mod check;
#[cfg(feature = "files")]
mod config;
mod initial;
mod memory;
mod micro_batch;
mod preset;
mod state;
#[cfg(all(feature = "files", feature = "tuning"))]
mod state_file;

#[cfg(feature = "files")]
pub use config::{DataConfig, OutputConfig, RunConfig};
pub use initial::initial_weights;
pub use memory::{BYTES_PER_PARAMETER, MemoryEstimate};
pub use preset::Preset;
pub use state::{TENSORS, TrainState};
#[cfg(all(feature = "files", feature = "tuning"))]
pub use state_file::{SavedState, StateOrigin};

use micro_batch::{Buffers, Pass};

use crate::checkpoint::{Checkpoint, Weights};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, Pace, Plan, Recorder};
use crate::graph::{Graph, unet};
use crate::ops::adam::{Adam, AdamStep};
use crate::ops::chain::Chain;
use crate::ops::store::{Array, ParameterStore};
use crate::ops::training_loss::Loss;
use crate::ops::{TrainingNetwork, TrainingOptions, adam, advance_training, gradient_norm, to_channels_last};
use crate::schedule::Schedule;
use crate::spec::{DiffusionSpec, LossType, TrainSpec, VarianceType};

/// Steps whose loss and gradient norm are on the GPU until they are read; the oldest are overwritten.
pub const LOSS_SLOTS: u32 = 256;

/// x_0 of a step, and the labels if the network has classes.
#[derive(Clone, Copy, Debug)]
pub struct TrainBatch<'a> {
    /// `[batch, C, H, W]` in \[−1, 1\].
    pub x_start: &'a [f32],
    /// `[batch]`.
    pub labels: Option<&'a [u32]>,
}

/// The loss of one step, and the norm of its gradients before clipping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLoss {
    /// The step, 0 for the first.
    pub step: u32,
    /// What was minimised ([`TrainSpec::loss`], weighted by [`TrainSpec::min_snr_gamma`]), a mean over all elements of the batch.
    pub loss: f32,
    /// ‖∂loss / ∂θ‖ over all parameters.
    pub grad_norm: f32,
}

/// A network in training.
pub struct Trainer {
    gpu: GpuContext,
    spec: TrainSpec,
    /// What is trained, with the weights it began with.
    checkpoint: Checkpoint,
    graph: Graph,
    store: ParameterStore,
    network: TrainingNetwork,
    x_start: Buffer,
    chain: Buffer,
    step_numbers: Buffer,
    losses: Buffer,
    norms: Buffer,
    micro_plan: Plan,
    update_plan: Plan,
    validation: Validation,
    pace: Pace,
    steps_done: u32,
}

/// The loss without training: no dropout, noise of its own.
struct Validation {
    plan: Plan,
    chain: Buffer,
    losses: Buffer,
}

impl Trainer {
    /// Records the training of `checkpoint` from its weights on, by `spec`. All buffers and pipelines are made here.
    ///
    /// # Errors
    /// If the spec makes no sense, asks for what is not trained here, or does not fit the adapter.
    pub fn new(gpu: &GpuContext, checkpoint: &Checkpoint, spec: &TrainSpec) -> Result<Self> {
        check::check(spec, checkpoint)?;
        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
        let store = ParameterStore::new(gpu, &graph, &checkpoint.weights, true)?;
        let chain = gpu.buffer_with("training chain", &[Chain::new(0, spec.seed, 0)])?;
        let options = TrainingOptions { chain: Some(&chain), input_gradient: false, stopped: &spec.stopped };
        let network = TrainingNetwork::new(gpu, &graph, &store, spec.micro_batch, &options)?;
        let slots = u64::from(LOSS_SLOTS);
        let (losses, norms) = (gpu.buffer("losses", slots)?, gpu.buffer("gradient norms", slots)?);
        let x_start = gpu.buffer("x_start", network.x.bytes() / 4)?;
        let noise = gpu.buffer("noise", network.x.bytes() / 4)?;
        let schedule = Schedule::new(&checkpoint.diffusion)?;
        let coefficients = gpu.buffer_with("coefficients", &schedule.forward_coefficients())?;

        let sample_losses = gpu.buffer("losses of samples", 2 * u64::from(spec.micro_batch))?;
        let buffers = Buffers {
            x_start: &x_start,
            noise: &noise,
            coefficients: &coefficients,
            sample_losses: &sample_losses,
            num_timesteps: checkpoint.diffusion.num_timesteps,
        };
        let record = |pass: &Pass<'_>| micro_batch::record(gpu, &network, &buffers, pass);
        let micro_plan = record(&Pass {
            forward: &network.forward,
            backward: &network.backward,
            loss: &Loss::new(gpu, &checkpoint.diffusion, spec.loss, spec.min_snr_gamma)?,
            chain: &chain,
            losses: &losses,
            batch: spec.batch_size,
            ends_step: false,
        })?;
        let validation = {
            let chain = gpu.buffer("validation chain", 4)?;
            let losses = gpu.buffer("validation losses", slots)?;
            let mean_alone =
                DiffusionSpec { variance_type: VarianceType::FixedSmall, ..checkpoint.diffusion.clone() };
            let plan = record(&Pass {
                forward: &network.evaluation,
                backward: &Plan::default(),
                loss: &Loss::new(gpu, &mean_alone, LossType::Mse, None)?,
                chain: &chain,
                losses: &losses,
                batch: spec.micro_batch,
                ends_step: true,
            })?;
            Validation { plan, chain, losses }
        };

        let step_numbers = gpu.buffer("step numbers", 4)?;
        let factor = gpu.buffer("clipping factor", 1)?;
        let mut rec = Recorder::new(gpu);
        gradient_norm::record(
            &mut rec,
            &store,
            spec.max_grad_norm.map(|norm| norm as f32),
            &chain,
            &factor,
            &norms,
        )?;
        adam::record(&mut rec, &store, adam_settings(spec), &step_numbers, &factor)?;
        for bank in store.banks() {
            rec.clear(bank.array(Array::Gradients));
        }
        advance_training::record(&mut rec, 0, true, &chain, &losses)?;
        let update_plan = rec.finish();
        Ok(Self {
            gpu: gpu.clone(),
            spec: spec.clone(),
            checkpoint: checkpoint.clone(),
            graph,
            store,
            network,
            x_start,
            chain,
            step_numbers,
            losses,
            norms,
            micro_plan,
            update_plan,
            validation,
            pace: Pace::default(),
            steps_done: 0,
        })
    }

    /// Algorithm 1 (arXiv 2006.11239) for one batch: t ~ Uniform, ε ~ N(0, I), x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε, then a step down
    /// the gradient of [`TrainSpec::loss`], by default ‖ε − ε_θ(x_t, t)‖². Returns when the GPU has at most two submissions to go.
    ///
    /// # Errors
    /// If the batch is not of the right size or labels are missing.
    pub fn train_step(&mut self, batch: &TrainBatch<'_>) -> Result<()> {
        self.check_batch(batch, self.spec.batch_size)?;
        for micro in 0..self.spec.batch_size / self.spec.micro_batch {
            self.write_micro_batch(batch, micro);
            self.micro_plan.submit(&self.gpu);
        }
        let k = self.steps_done + 1;
        let correction = |beta: f64| (1.0 - beta.powi(k as i32)).recip() as f32;
        let numbers = AdamStep {
            learning_rate: self.spec.learning_rate_at(k) as f32,
            first_correction: correction(self.spec.beta1),
            second_correction: correction(self.spec.beta2),
            average_rate: (1.0 - self.spec.ema_decay_at(k)) as f32,
        };
        self.gpu.write(&self.step_numbers, bytemuck::bytes_of(&numbers));
        let submitted = self.update_plan.submit(&self.gpu);
        self.pace.submitted(&self.gpu, submitted);
        self.steps_done = k;
        Ok(())
    }

    fn write_micro_batch(&self, batch: &TrainBatch<'_>, micro: u32) {
        let samples = self.spec.micro_batch as usize;
        let part = micro as usize * samples..(micro as usize + 1) * samples;
        let tensor = self.network.input_tensor();
        let elements = (tensor.pixels() * tensor.channels()) as usize;
        let x_start = to_channels_last(tensor, &batch.x_start[part.start * elements..part.end * elements]);
        self.gpu.write(&self.x_start, bytemuck::cast_slice(&x_start));
        if let (Some(buffer), Some(labels)) = (&self.network.labels, batch.labels) {
            self.gpu.write(buffer, bytemuck::cast_slice(&labels[part]));
        }
    }

    fn check_batch(&self, batch: &TrainBatch<'_>, samples: u32) -> Result<()> {
        let tensor = self.network.input_tensor();
        let expected = samples as usize * (tensor.pixels() * tensor.channels()) as usize;
        if batch.x_start.len() != expected {
            let found = batch.x_start.len();
            return Err(Error::input(format!("a batch: expected {expected} elements, found {found}")));
        }
        let Some(classes) = self.graph.num_classes else { return Ok(()) };
        let labels = batch.labels.ok_or_else(|| Error::input("a batch: expected labels, found none"))?;
        match labels.iter().find(|&&label| label >= classes) {
            Some(label) => {
                Err(Error::input(format!("a batch: expected labels below {classes}, found {label}")))
            }
            None if labels.len() != samples as usize => {
                Err(Error::input(format!("a batch: expected {samples} labels, found {}", labels.len())))
            }
            None => Ok(()),
        }
    }

    /// The mean squared error of what the parameters as they are now predict, over micro-batches of pictures, without dropout;
    /// the same t and ε at every call. Whatever the loss of training, it is that of [`LossType::Mse`] without weights and without
    /// the variance, so that runs can be compared whose prediction type is the same. Awaits the device: not for every step.
    ///
    /// # Errors
    /// If a batch is not a micro-batch, there is none or too many, or the device is lost.
    pub async fn validation_loss(&self, batches: &[TrainBatch<'_>]) -> Result<f64> {
        let count = batches.len() as u32;
        if count == 0 || count >= LOSS_SLOTS {
            return Err(Error::input(format!(
                "validation: expected 1 to {} batches, found {count}",
                LOSS_SLOTS - 1
            )));
        }
        // Other draws than training's, whose samples are counted from 0 with the same seed.
        let chain = Chain::new(0, self.spec.seed ^ (1 << 63), 0);
        self.gpu.write(&self.validation.chain, bytemuck::bytes_of(&chain));
        self.gpu.write(&self.validation.losses, &vec![0; self.validation.losses.bytes() as usize]);
        for batch in batches {
            self.check_batch(batch, self.spec.micro_batch)?;
            self.write_micro_batch(batch, 0);
            self.validation.plan.submit(&self.gpu);
        }
        let losses: Vec<f32> = self.gpu.read(&self.validation.losses).await?;
        self.gpu.check()?;
        Ok(losses[..batches.len()].iter().map(|&loss| f64::from(loss)).sum::<f64>() / f64::from(count))
    }

    /// The losses of the steps from `first` on that are done, at most the latest 255. Awaits the device: not for every step.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read_losses(&self, first: u32) -> Result<Vec<StepLoss>> {
        let losses: Vec<f32> = self.gpu.read(&self.losses).await?;
        let norms: Vec<f32> = self.gpu.read(&self.norms).await?;
        self.gpu.check()?;
        let first = first.max(self.steps_done.saturating_sub(LOSS_SLOTS - 1));
        let entry = |step: u32| {
            let slot = (step % LOSS_SLOTS) as usize;
            StepLoss { step, loss: losses[slot], grad_norm: norms[slot] }
        };
        Ok((first..self.steps_done).map(entry).collect())
    }

    /// Steps done so far.
    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// How it trains.
    pub fn spec(&self) -> &TrainSpec {
        &self.spec
    }

    /// A micro-batch's list of dispatches, and that of the update after a step's last one.
    pub fn plans(&self) -> [&Plan; 2] {
        [&self.micro_plan, &self.update_plan]
    }

    /// The network's description.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The device it trains on.
    pub fn gpu(&self) -> &GpuContext {
        &self.gpu
    }

    /// Bytes on the GPU: buffers and textures.
    pub fn gpu_bytes(&self) -> u64 {
        self.gpu.counts().allocated_bytes
    }

    /// The network as it is now, with the average of its parameters (what is sampled from) or the parameters themselves.
    ///
    /// # Errors
    /// If the device is lost, or training has diverged: a parameter is not finite.
    pub async fn checkpoint(&self, average: bool) -> Result<Checkpoint> {
        let array = if average { Array::Average } else { Array::Values };
        let shapes = self.graph.params.iter().map(|param| (param.name.as_str(), &param.shape));
        let shapes: std::collections::HashMap<_, _> = shapes.collect();
        let values = self.store.read(&self.gpu, &self.graph, array).await?;
        let tensors = values.into_iter().map(|(name, values)| {
            let shape = shapes[name.as_str()].clone();
            (name, (shape, values))
        });
        let weights = Weights::from_f32(tensors).map_err(|error| {
            error.within(format!("after {} steps training has diverged", self.steps_done))
        })?;
        Ok(Checkpoint { weights, ..self.checkpoint.clone() })
    }

    /// All that is needed to go on: see [`Self::restore`].
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn state(&self) -> Result<TrainState> {
        let mut arrays = Vec::new();
        for array in state::ARRAYS {
            arrays.push(self.store.read(&self.gpu, &self.graph, array).await?);
        }
        Ok(TrainState { steps_done: self.steps_done, arrays })
    }

    /// Goes on from `state`, which must be of a trainer with the same network.
    ///
    /// # Errors
    /// If a parameter is missing or misshapen.
    pub fn restore(&mut self, state: &TrainState) -> Result<()> {
        for (array, values) in state::ARRAYS.into_iter().zip(&state.arrays) {
            self.store.write(&self.gpu, &self.graph, array, &state::named(values))?;
        }
        for bank in self.store.banks() {
            self.gpu.write(bank.array(Array::Gradients), &vec![0; bank.words as usize * 4]);
        }
        self.steps_done = state.steps_done;
        let chain = Chain::new(self.steps_done, self.spec.seed, self.steps_done * self.spec.batch_size);
        self.gpu.write(&self.chain, bytemuck::bytes_of(&chain));
        self.gpu.write(&self.losses, &vec![0; self.losses.bytes() as usize]);
        Ok(())
    }
}

fn adam_settings(spec: &TrainSpec) -> Adam {
    Adam {
        beta1: spec.beta1 as f32,
        beta2: spec.beta2 as f32,
        eps: spec.eps as f32,
        weight_decay: spec.weight_decay as f32,
        rate1: (1.0 - spec.beta1) as f32,
        rate2: (1.0 - spec.beta2) as f32,
        ..Adam::default()
    }
}
