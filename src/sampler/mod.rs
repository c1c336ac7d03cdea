//! The reverse process on the GPU: Algorithm 2, DDIM both ways, Langevin dynamics, guidance, parts of pictures that are
//! known, kept frames.
//!
//! [`Sampler::step`] encodes one step x_t → x_{t−1}; it is the same fixed list of dispatches for every t, since the
//! step's index, the schedule and the noise are on the GPU. x_t never leaves it to be drawn or to go on.

mod frames;
mod guide;
mod known;
mod options;
#[cfg(not(target_arch = "wasm32"))]
mod run;

pub use frames::Frames;
pub use guide::GuideBuffers;
pub use options::{Conditioning, Method, SamplerOptions};
#[cfg(not(target_arch = "wasm32"))]
pub use run::{run, run_encoded, run_until};

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Encoder, GpuContext, KernelKey, Plan, Recorder};
use crate::graph::{Tensor, unet};
use crate::ops::chain::{Chain, Picture, StepCoefficients};
use crate::ops::p_sample::{self, ReverseStep, StepBuffers};
use crate::ops::{Network, advance, guided_step, normals, to_channels_first, to_channels_last};
use crate::rng::Stream;

/// The kernels that [`Sampler::new`] needs besides the network's.
pub fn kernels(method: Method) -> Vec<KernelKey> {
    vec![
        KernelKey::new(&normals::NORMALS, "normals"),
        KernelKey::new(&p_sample::P_SAMPLE, p_sample::entry_point(step_kind(method))),
        KernelKey::new(&advance::ADVANCE, "advance"),
    ]
}

fn step_kind(method: Method) -> ReverseStep {
    match method {
        Method::Ddpm => ReverseStep::Ancestral,
        Method::Ddim { pred_noise, .. } => ReverseStep::Ddim(pred_noise),
        #[cfg(feature = "chains")]
        Method::Langevin { pred_noise, .. } | Method::DdimEncode { pred_noise } => {
            ReverseStep::Ddim(pred_noise)
        }
    }
}

/// A batch of chains on the GPU, somewhere between x_T and the pictures.
pub struct Sampler {
    gpu: GpuContext,
    network_x: Buffer,
    timesteps: Buffer,
    chain: Buffer,
    steps: Buffer,
    pred_x_start: Buffer,
    pred_noise: Buffer,
    gradient: Option<Buffer>,
    step_plan: Plan,
    draw_plan: Plan,
    picture_tensor: Tensor,
    picture: Picture,
    coefficients: Vec<StepCoefficients>,
    seed: u64,
    first_sample: u32,
    steps_done: u32,
}

impl Sampler {
    /// Records the chain and draws x_T. All buffers, pipelines and bind groups are made here.
    ///
    /// # Errors
    /// If the options do not fit the checkpoint, or the batch does not fit the adapter.
    pub fn new(gpu: &GpuContext, checkpoint: &Checkpoint, options: &SamplerOptions) -> Result<Self> {
        Self::record(gpu, checkpoint, options, None::<fn(&GuideBuffers<'_>) -> Result<Plan>>)
    }

    fn record(
        gpu: &GpuContext,
        checkpoint: &Checkpoint,
        options: &SamplerOptions,
        classifier: Option<impl FnOnce(&GuideBuffers<'_>) -> Result<Plan>>,
    ) -> Result<Self> {
        let branches = options.branches(checkpoint)?;
        let spec = &checkpoint.diffusion;
        let steps = options.chain(spec)?;
        checkpoint.check_outputs()?;
        let graph = unet::describe(&checkpoint.unet, options.size.unwrap_or(checkpoint.unet.sample_size))?;
        let network = Network::new(gpu, &graph, &checkpoint.weights, options.count * branches.copies)?;
        if let Some(labels) = &branches.labels {
            network.write_labels(gpu, labels)?;
        }

        let picture_tensor = network.input_tensor().clone();
        let picture = Picture {
            plane: picture_tensor.pixels(),
            channels: picture_tensor.channels(),
            stride: picture_tensor.quads() * 4,
            samples: options.count,
            copies: branches.copies,
            shared_noise: options.shared_noise,
        };
        let coefficients: Vec<StepCoefficients> = steps.iter().map(StepCoefficients::from).collect();
        let chain = gpu.buffer("chain", 4)?;
        let steps_buffer = gpu.buffer_with("steps", &coefficients)?;
        let words = u64::from(options.count) * u64::from(picture.plane) * u64::from(picture.stride);
        let pred_x_start = gpu.buffer("pred_x_start", words)?;
        let pred_noise = gpu.buffer("pred_noise", words)?;

        let mut rec = Recorder::new(gpu);
        let buffers = StepBuffers {
            chain: &chain,
            steps: &steps_buffer,
            model_output: &network.output,
            output_stride: network.output_tensor().quads() * 4,
            x: &network.x,
            pred_x_start: &pred_x_start,
            pred_noise: &pred_noise,
        };
        let step = step_kind(options.method);
        let mut before_step = Plan::default();
        let mut gradient = None;
        // Without more chains there is no classifier, so its kernel is in no page's wasm.
        match classifier.filter(|_| cfg!(feature = "chains")) {
            None => p_sample::record(&mut rec, &picture, spec, step, branches.guidance, &buffers)?,
            Some(classifier) => {
                let gradient = gradient.insert(gpu.buffer("gradient", words)?);
                before_step = classifier(&GuideBuffers {
                    x: &network.x,
                    timesteps: &network.timesteps,
                    gradient,
                    tensor: &picture_tensor,
                    count: options.count,
                })?;
                guided_step::record(&mut rec, &picture, spec, step, branches.guidance, &buffers, gradient)?;
            }
        }
        let rows = network.batch();
        advance::record(&mut rec, steps.len() as u32, rows, &steps_buffer, &chain, &network.timesteps)?;
        let tail = rec.finish();

        let mut rec = Recorder::new(gpu);
        let last_t = spec.num_timesteps - 1;
        normals::record(&mut rec, &picture, Stream::InitialNoise, last_t, &chain, &network.x)?;
        let draw_plan = rec.finish();

        let mut sampler = Self {
            gpu: gpu.clone(),
            network_x: network.x.clone(),
            timesteps: network.timesteps.clone(),
            chain,
            steps: steps_buffer,
            pred_x_start,
            pred_noise,
            gradient,
            step_plan: network.plan.then(before_step).then(tail),
            draw_plan,
            picture_tensor,
            picture,
            coefficients,
            seed: options.seed,
            first_sample: options.first_sample,
            steps_done: 0,
        };
        sampler.restart(options.seed);
        Ok(sampler)
    }

    /// Draws x_T of `seed` and begins anew.
    pub fn restart(&mut self, seed: u64) {
        self.seed = seed;
        self.set_position(0);
        self.draw_plan.submit(&self.gpu);
    }

    /// From here on the noise of the remaining steps is of `seed`: another future of the same x_t.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.set_position(self.steps_done);
    }

    fn set_position(&mut self, steps_done: u32) {
        self.steps_done = steps_done;
        let chain = Chain::new(steps_done, self.seed, self.first_sample);
        self.gpu.write(&self.chain, bytemuck::bytes_of(&chain));
        let t = self.t().unwrap_or(0);
        let rows = vec![t; (self.picture.samples * self.picture.copies) as usize];
        self.gpu.write(&self.timesteps, bytemuck::cast_slice(&rows));
    }

    /// Encodes one step of Algorithm 2: ε̂ = network(x_t, t), then x_{t−1} from x_t, ε̂ and z ~ N(0, I), then t on.
    /// Does nothing at the end of the chain.
    pub fn step(&mut self, encoder: &mut Encoder) {
        if self.steps_done < self.steps_total() {
            self.step_plan.encode(&self.gpu, encoder);
            self.steps_done += 1;
        }
    }

    /// The device it runs on.
    pub fn gpu(&self) -> &GpuContext {
        &self.gpu
    }

    /// Steps encoded so far.
    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// Steps of the whole chain.
    pub fn steps_total(&self) -> u32 {
        self.coefficients.len() as u32
    }

    /// The next step's t (x_t has t + 1 steps of noise); `None` at the end.
    pub fn t(&self) -> Option<u32> {
        self.t_of(self.steps_done)
    }

    /// The t of the step that follows `steps_done` others; `None` if there is none.
    pub fn t_of(&self, steps_done: u32) -> Option<u32> {
        self.coefficients.get(steps_done as usize).map(|step| step.t)
    }

    /// The next step's numbers, as the kernel reads them; `None` at the end.
    pub fn coefficients(&self) -> Option<&StepCoefficients> {
        self.coefficients.get(self.steps_done as usize)
    }

    /// The steps done when the chain comes to a t of at most `t`: where to go on from an x_t that holds t + 1 steps of
    /// noise or hardly more. All steps, if its last t is more.
    pub fn steps_before(&self, t: u32) -> u32 {
        self.coefficients.iter().take_while(|step| step.t > t).count() as u32
    }

    /// One step's list of dispatches.
    pub fn plan(&self) -> &Plan {
        &self.step_plan
    }

    /// Height, width and channels of a picture.
    pub fn picture_shape(&self) -> [u32; 3] {
        [self.picture_tensor.height, self.picture_tensor.width, self.picture_tensor.channels()]
    }

    /// Pictures in the batch.
    pub fn count(&self) -> u32 {
        self.picture.samples
    }

    /// Where x_t, the predicted x_0 and the predicted ε live: `[count, pixels, stride]` f32.
    pub fn views(&self) -> [&Buffer; 3] {
        [&self.network_x, &self.pred_x_start, &self.pred_noise]
    }

    /// Floats of a pixel in [`Self::views`].
    pub fn stride(&self) -> u32 {
        self.picture.stride
    }

    /// Bytes of one of [`Self::views`], the second copy of a guided chain left out.
    pub fn view_bytes(&self) -> u64 {
        u64::from(self.picture.samples * self.picture.plane * self.picture.stride) * 4
    }

    /// Reads one of [`Self::views`] back as `[count, C, H, W]`. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read_view(&self, view_ix: usize) -> Result<Vec<f32>> {
        let values: Vec<f32> = self.gpu.read_range(self.views()[view_ix], 0, self.view_bytes()).await?;
        self.gpu.check()?;
        Ok(to_channels_first(&self.picture_tensor, &values))
    }

    /// Puts [`Self::views`] in place, one after the other in `words`, as they were after `steps_done` steps of a chain
    /// like this one.
    ///
    /// # Panics
    /// If there are fewer or more.
    pub fn restore(&mut self, words: &[u8], steps_done: u32) {
        let bytes = self.view_bytes() as usize;
        assert!(words.len() == 3 * bytes, "three views");
        for (view, words) in self.views().into_iter().zip(words.chunks_exact(bytes)) {
            self.gpu.write(view, words);
        }
        for copy in 1..self.picture.copies {
            self.gpu.write_at(&self.network_x, u64::from(copy) * self.view_bytes(), &words[..bytes]);
        }
        self.set_position(steps_done);
    }

    /// Puts x_t (`[count, C, H, W]`) in place, as it is after `steps_done` steps.
    ///
    /// # Errors
    /// If the length is wrong, or the chain has fewer steps.
    pub fn write_x(&mut self, x: &[f32], steps_done: u32) -> Result<()> {
        let expected = (self.picture.samples * self.picture.elements()) as usize;
        if x.len() != expected || steps_done > self.steps_total() {
            return Err(Error::input(format!(
                "expected {expected} elements and at most {} steps, found {} and {steps_done}",
                self.steps_total(),
                x.len()
            )));
        }
        let once = to_channels_last(&self.picture_tensor, x);
        let all: Vec<f32> = (0..self.picture.copies).flat_map(|_| once.iter().copied()).collect();
        self.gpu.write(&self.network_x, bytemuck::cast_slice(&all));
        self.set_position(steps_done);
        Ok(())
    }
}
