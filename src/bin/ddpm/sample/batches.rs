//! The batches of one `ddpm sample`, one after the other.

use std::time::{Duration, Instant};

use ddpm::checkpoint::Checkpoint;
use ddpm::error::{Error, ErrorKind, Result};
use ddpm::film::Film;
use ddpm::gpu::GpuContext;
use ddpm::picture::{Grid, Raster};
use ddpm::sampler::{self, Frames, Sampler, SamplerOptions};

use crate::progress::Progress;

/// Pictures in a batch where nobody says how many.
const CPU_BATCH: u32 = 16;
const GPU_BATCH: u32 = 64;

/// Frames of a film at most, and how long each and the last are shown, in hundredths of a second.
const FILM_FRAMES: u32 = 64;
const FRAME_TIME: u16 = 5;
const LAST_FRAME_TIME: u16 = 250;

/// GPU memory for the frames of one batch at most, in bytes.
const FRAME_BYTES: u64 = 1 << 30;

/// What is to be sampled.
pub struct Batches<'a> {
    pub gpu: &'a GpuContext,
    pub checkpoint: &'a Checkpoint,
    /// Of all batches together.
    pub options: &'a SamplerOptions,
    /// Pictures in a batch, or what suits the adapter.
    pub batch: Option<u32>,
    /// Keep a film in this grid.
    pub film: Option<Grid>,
}

/// What was sampled.
pub struct Drawn {
    /// `[count, C, H, W]` in [−1, 1].
    pub pictures: Vec<f32>,
    /// From noise to the pictures; none if no film is kept.
    pub film: Vec<Raster>,
    /// Pictures in a batch; the last may have fewer.
    pub batch: u32,
    /// Steps of all chains.
    pub steps: u32,
    /// Their time, without what comes before and after them.
    pub chain_time: Duration,
}

impl Batches<'_> {
    /// Samples them all.
    pub fn draw(&self) -> Result<Drawn> {
        let count = self.options.count;
        let suitable = if self.gpu.adapter().cpu { CPU_BATCH } else { GPU_BATCH };
        let mut drawn = Drawn {
            pictures: Vec::new(),
            film: Vec::new(),
            batch: self.batch.unwrap_or(suitable).min(count),
            steps: 0,
            chain_time: Duration::ZERO,
        };
        let mut progress = Progress::new("sample", u64::from(count) * u64::from(self.options.steps));
        let mut film_frames = FILM_FRAMES;
        let mut done = 0;
        while done < count {
            let mut sampler = self.sampler(done, &mut drawn.batch)?;
            let mut frames = match &self.film {
                Some(_) => Some(Frames::new(&sampler, film_frames, FRAME_BYTES)?),
                None => None,
            };
            let place = format!("pictures {} to {} of {count}", done + 1, done + sampler.count());
            let first_step = u64::from(done) * u64::from(self.options.steps);
            let began = Instant::now();
            sampler::run(&mut sampler, frames.as_mut(), |steps| {
                progress
                    .set(first_step + u64::from(steps) * u64::from(drawn.batch.min(count - done)), &place);
            })
            .map_err(advise)?;
            let pictures = pollster::block_on(sampler.read_view(0)).map_err(advise)?;
            drawn.chain_time += began.elapsed();
            drawn.steps += sampler.steps_total();
            if let Some(place) = pictures.iter().position(|value| !value.is_finite()) {
                return Err(Error::new(
                    ErrorKind::SelfTest,
                    format!("expected finite pictures, found {} at element {place}", pictures[place]),
                ));
            }
            if let (Some(frames), Some(grid)) = (&frames, &self.film) {
                // A smaller last batch could afford more frames; the film has as many as the first batch has.
                film_frames = sampler.steps_total().div_ceil(frames.every()) + 1;
                keep_film(&sampler, frames, grid, done, &mut drawn.film)?;
            }
            drawn.pictures.extend(pictures);
            done += sampler.count();
        }
        Ok(drawn)
    }

    /// The sampler of the batch after `done` pictures. Where nobody asked for `batch` and it does not fit the adapter,
    /// it is halved.
    fn sampler(&self, done: u32, batch: &mut u32) -> Result<Sampler> {
        loop {
            let options = SamplerOptions {
                count: (*batch).min(self.options.count - done),
                first_sample: self.options.first_sample + done,
                ..self.options.clone()
            };
            match Sampler::new(self.gpu, self.checkpoint, &options) {
                Err(error) if error.kind() == ErrorKind::Limits && self.batch.is_none() && *batch > 1 => {
                    *batch = batch.div_ceil(2);
                }
                made => return made.map_err(advise),
            }
        }
    }
}

/// Adds what helps where memory is short.
fn advise(error: Error) -> Error {
    match error.kind() {
        ErrorKind::OutOfMemory | ErrorKind::Limits => {
            Error::new(error.kind(), format!("{error}; a smaller --batch may fit"))
        }
        _ => error,
    }
}

/// Draws the x_t of a batch's kept frames into the frames of the film, from place `first_ix` on.
fn keep_film(
    sampler: &Sampler,
    frames: &Frames,
    grid: &Grid,
    first_ix: u32,
    film: &mut Vec<Raster>,
) -> Result<()> {
    for (ix, &kept) in frames.kept().iter().enumerate() {
        if ix == film.len() {
            film.push(grid.blank()?);
        }
        let pictures = pollster::block_on(frames.read(sampler, kept, 0))?;
        grid.place(&mut film[ix], first_ix, &pictures)?;
    }
    Ok(())
}

/// A GIF of `frames`.
pub fn encode_film(frames: &[Raster]) -> Result<Vec<u8>> {
    let Some((last, before)) = frames.split_last() else {
        return Err(Error::input("a film needs a frame"));
    };
    let mut film = Film::new(last)?;
    for frame in before {
        film.push(frame, FRAME_TIME)?;
    }
    film.push(last, LAST_FRAME_TIME)?;
    Ok(film.finish())
}
