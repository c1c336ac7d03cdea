//! Many pictures, batch after batch.

use std::time::{Duration, Instant};

use ddpm::checkpoint::Checkpoint;
use ddpm::error::{Error, ErrorKind, Result};
use ddpm::gpu::GpuContext;
use ddpm::sampler::{self, Frames, Sampler, SamplerOptions};

use crate::progress::Progress;
use crate::tuning::tuned;
use crate::work::advise;

/// Pictures in a batch where nobody says how many.
const CPU_BATCH: u32 = 16;
const GPU_BATCH: u32 = 64;

/// Memory for the frames of one batch at most, in bytes.
const FRAME_BYTES: u64 = 1 << 30;

/// What is to be sampled.
pub struct Batches<'a> {
    /// Who is at work, for the progress bar.
    pub verb: &'static str,
    pub gpu: &'a GpuContext,
    pub checkpoint: &'a Checkpoint,
    /// Of all batches together.
    pub options: &'a SamplerOptions,
    /// Pictures in a batch, or what suits the adapter.
    pub batch: Option<u32>,
    /// Keep so many frames of each batch at most, for `finish`; 0 is none.
    pub max_frames: u32,
}

/// What was sampled.
pub struct Drawn {
    /// `[count, C, H, W]` in [−1, 1].
    pub pictures: Vec<f32>,
    /// Pictures in a batch; the last may have fewer.
    pub batch: u32,
    /// Steps of all chains.
    pub steps: u32,
    /// Their time, without what comes before and after them.
    pub chain_time: Duration,
}

/// What is done to a sampler before its chain, given the place of its first picture among all.
pub type Begin<'a> = &'a mut dyn FnMut(&mut Sampler, u32) -> Result<()>;
/// What is done with the kept frames after it, given the same.
pub type Finish<'a> = &'a mut dyn FnMut(&Sampler, &Frames, u32) -> Result<()>;

impl Batches<'_> {
    /// Samples them all.
    pub fn draw(&self, begin: Begin<'_>, finish: Finish<'_>) -> Result<Drawn> {
        let count = self.options.count;
        let suitable = if self.gpu.adapter().cpu { CPU_BATCH } else { GPU_BATCH };
        let mut drawn = Drawn {
            pictures: Vec::new(),
            batch: self.batch.unwrap_or(suitable).min(count),
            steps: 0,
            chain_time: Duration::ZERO,
        };
        // A guided chain evaluates each picture twice.
        let copies = if self.options.conditioning.guidance.is_some() { 2 } else { 1 };
        let gpu = tuned(self.gpu, self.checkpoint, drawn.batch * copies)?;
        let mut progress = None;
        let mut max_frames = self.max_frames;
        let mut done = 0;
        while done < count {
            let mut sampler = self.sampler(&gpu, done, &mut drawn.batch)?;
            begin(&mut sampler, done)?;
            let before = sampler.steps_done();
            let steps = sampler.steps_total() - before;
            let progress =
                progress.get_or_insert_with(|| Progress::new(self.verb, u64::from(count) * u64::from(steps)));
            let mut frames = match max_frames {
                0 => None,
                most => Some(Frames::new(&sampler, most, FRAME_BYTES)?),
            };
            let place = format!("pictures {} to {} of {count}", done + 1, done + sampler.count());
            let first_step = u64::from(done) * u64::from(steps);
            let began = Instant::now();
            sampler::run(&mut sampler, frames.as_mut(), |steps| {
                let in_batch = u64::from(steps - before) * u64::from(drawn.batch.min(count - done));
                progress.set(first_step + in_batch, &place);
            })
            .map_err(advise("--batch"))?;
            let pictures = pollster::block_on(sampler.read_view(0)).map_err(advise("--batch"))?;
            drawn.chain_time += began.elapsed();
            drawn.steps += steps;
            if let Some(place) = pictures.iter().position(|value| !value.is_finite()) {
                return Err(Error::new(
                    ErrorKind::SelfTest,
                    format!("expected finite pictures, found {} at element {place}", pictures[place]),
                ));
            }
            if let Some(frames) = &frames {
                // A smaller last batch could afford more frames; it has as many as the first.
                max_frames = sampler.steps_total().div_ceil(frames.every()) + 1;
                finish(&sampler, frames, done)?;
            }
            drawn.pictures.extend(pictures);
            done += sampler.count();
        }
        Ok(drawn)
    }

    /// The sampler of the batch after `done` pictures. Where nobody asked for `batch` and it does not fit the adapter,
    /// it is halved.
    fn sampler(&self, gpu: &GpuContext, done: u32, batch: &mut u32) -> Result<Sampler> {
        // Noise that is shared is that of the first picture of all.
        let noise_of = if self.options.shared_noise { 0 } else { done };
        loop {
            let options = SamplerOptions {
                count: (*batch).min(self.options.count - done),
                first_sample: self.options.first_sample + noise_of,
                ..self.options.clone()
            };
            match Sampler::new(gpu, self.checkpoint, &options) {
                Err(error) if error.kind() == ErrorKind::Limits && self.batch.is_none() && *batch > 1 => {
                    *batch = batch.div_ceil(2);
                }
                made => return made.map_err(advise("--batch")),
            }
        }
    }
}
