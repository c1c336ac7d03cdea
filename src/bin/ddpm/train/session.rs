//! A run in progress: steps, and what is due between them.

use std::time::{Duration, Instant};

use ddpm::checkpoint::{Precision, atomic};
use ddpm::dataset::{Batches, Dataset, Loader, to_signed};
use ddpm::error::{Error, ErrorKind, Result};
use ddpm::train::{LOSS_SLOTS, RunConfig, SavedState, StateOrigin, StepLoss, TrainBatch, Trainer};
use indicatif::HumanDuration;
use serde_json::json;

use super::folder::RunFolder;
use super::metrics::{Line, Metrics};
use super::{plot, samples};
use crate::interrupt;
use crate::progress::Progress;

/// Pictures that the validation loss is of, at most.
const VALIDATION_PICTURES: u32 = 256;
/// Steps after which losses are read at the latest, before the GPU overwrites them.
const DRAIN_EVERY: u32 = LOSS_SLOTS / 2;
/// Steps, and seconds, after which it is said how long the run will take.
const FORECAST_STEPS: u32 = 20;
const FORECAST_TIME: Duration = Duration::from_secs(10);

/// All that a run needs.
pub struct Session<'a> {
    pub trainer: Trainer,
    pub config: &'a RunConfig,
    pub folder: &'a RunFolder,
    pub origin: StateOrigin,
    pub loader: Loader,
    pub validation: Option<Dataset>,
    pub metrics: Metrics,
    /// Losses of steps that no line of metrics tells of yet.
    pub pending: Vec<StepLoss>,
}

/// How a run ended.
#[derive(PartialEq)]
pub enum End {
    Finished,
    Interrupted,
}

/// Time spent on training, without what is done between steps.
struct Clock {
    earlier: f64,
    began: Instant,
    paused: Duration,
    /// [`Self::seconds`] at the last line of metrics, and the step.
    line: (f64, u32),
}

impl Clock {
    /// Seconds of training in this process.
    fn session(&self) -> f64 {
        (self.began.elapsed() - self.paused).as_secs_f64()
    }
}

impl Session<'_> {
    /// Trains until the last step, or until Ctrl-C; either way all is saved.
    ///
    /// # Errors
    /// If training diverges, a file cannot be written, or the device is lost; the last good state stays.
    pub fn run(&mut self) -> Result<End> {
        let (first, steps) = (self.trainer.steps_done(), self.config.training.steps);
        let output = self.config.output.clone();
        let mut batches = Batches::new(self.loader.clone(), first..steps)?;
        let mut progress = Progress::new("train", u64::from(steps - first));
        let earlier = self.metrics.seconds();
        let mut clock = Clock { earlier, began: Instant::now(), paused: Duration::ZERO, line: (0.0, first) };
        let (mut losses, mut forecast) = (String::new(), false);
        while self.trainer.steps_done() < steps {
            let Some(batch) = batches.next().transpose()? else { break };
            let x_start = batch.x_start();
            self.trainer.train_step(&TrainBatch { x_start: &x_start, labels: batch.labels.as_deref() })?;
            let step = self.trainer.steps_done();
            let last = step == steps;
            let is_due = |every: u32| last || every > 0 && step.is_multiple_of(every);
            let asked = interrupt::asked();
            if is_due(output.log_every) || is_due(output.save_every) || asked || self.unread() >= DRAIN_EVERY
            {
                self.drain()?;
                losses = self.pending.last().map_or(losses, |latest| format!("loss {:.4}, ", latest.loss));
            }
            if is_due(output.log_every) {
                self.log(&mut clock)?;
            }
            let pause = Instant::now();
            if is_due(output.sample_every) {
                self.look()?;
            }
            if is_due(output.save_every) || asked {
                self.save()?;
            }
            clock.paused += pause.elapsed();
            let pictures = f64::from(step - first) * f64::from(self.config.training.batch_size);
            let speed = pictures / clock.session();
            progress.set(u64::from(step - first), &format!("{losses}{speed:.1} images/s"));
            if !forecast && !last && (step - first >= FORECAST_STEPS || clock.began.elapsed() > FORECAST_TIME)
            {
                forecast = true;
                let left = clock.session() / f64::from(step - first) * f64::from(steps - step);
                let left = HumanDuration(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX));
                progress.say(&format!("{speed:.1} images/s: about {left} for {} steps", steps - step));
            }
            if asked && !last {
                return Ok(End::Interrupted);
            }
        }
        Ok(End::Finished)
    }

    /// Steps whose losses are on the GPU only.
    fn unread(&self) -> u32 {
        self.trainer.steps_done() - self.first_unread()
    }

    /// Reads the losses of the steps since the last that was read.
    fn drain(&mut self) -> Result<()> {
        for loss in pollster::block_on(self.trainer.read_losses(self.first_unread()))? {
            if !(loss.loss.is_finite() && loss.grad_norm.is_finite()) {
                return Err(Error::new(
                    ErrorKind::SelfTest,
                    format!(
                        "step {}: expected a finite loss and gradient, found {} and {}, so training has diverged; a lower \
                         --lr may help, and {} has the last good state, if any",
                        loss.step + 1,
                        loss.loss,
                        loss.grad_norm,
                        self.folder.state().display()
                    ),
                ));
            }
            self.pending.push(loss);
        }
        Ok(())
    }

    /// Writes a line of the losses that none tells of yet.
    fn log(&mut self, clock: &mut Clock) -> Result<()> {
        let step = self.trainer.steps_done();
        let mean = |value: fn(&StepLoss) -> f32| {
            let sum: f64 = self.pending.iter().map(|loss| f64::from(value(loss))).sum();
            (sum / self.pending.len() as f64) as f32
        };
        let (seconds, since) = (clock.session(), clock.line);
        let pictures = f64::from(step - since.1) * f64::from(self.config.training.batch_size);
        let line = Line::Training {
            step,
            loss: mean(|loss| loss.loss),
            grad_norm: mean(|loss| loss.grad_norm),
            learning_rate: self.config.training.learning_rate_at(step),
            images_per_second: pictures / (seconds - since.0),
            seconds: clock.earlier + seconds,
        };
        self.metrics.push(line)?;
        self.pending.clear();
        clock.line = (seconds, step);
        Ok(())
    }

    /// The validation loss and a grid of samples.
    fn look(&mut self) -> Result<()> {
        let step = self.trainer.steps_done();
        if let Some(validation_loss) = self.validation_loss()? {
            self.metrics.push(Line::Validation { step, validation_loss })?;
        }
        let model = pollster::block_on(self.trainer.checkpoint(true))?;
        atomic::write(self.folder.samples(step), &samples::draw(self.trainer.gpu(), &model, step)?)
    }

    /// The mean over the first pictures to validate on; the last micro-batch is filled up from the first pictures again.
    fn validation_loss(&self) -> Result<Option<f64>> {
        let Some(dataset) = &self.validation else { return Ok(None) };
        let micro_batch = self.config.training.micro_batch;
        let count = dataset.num_pictures().min(VALIDATION_PICTURES).next_multiple_of(micro_batch);
        let pictures = || (0..count).map(|ix| ix % dataset.num_pictures());
        let x_start: Vec<f32> =
            pictures().flat_map(|ix| dataset.picture(ix)).map(|&byte| to_signed(byte)).collect();
        let labels: Option<Vec<u32>> =
            dataset.labels().map(|labels| pictures().map(|ix| labels[ix as usize]).collect());
        let samples = micro_batch as usize;
        let batches: Vec<TrainBatch<'_>> = x_start
            .chunks_exact(samples * dataset.elements())
            .enumerate()
            .map(|(ix, x_start)| TrainBatch {
                x_start,
                labels: labels.as_ref().map(|labels| &labels[ix * samples..(ix + 1) * samples]),
            })
            .collect();
        pollster::block_on(self.trainer.validation_loss(&batches)).map(Some)
    }

    /// Writes the model, the plot and, last, the state, which says that all else is there.
    ///
    /// # Errors
    /// If one of them cannot be written, or the device is lost.
    pub fn save(&mut self) -> Result<()> {
        let mut model = pollster::block_on(self.trainer.checkpoint(true))?;
        model.metadata.card = Some(self.card());
        atomic::write(self.folder.model(), &model.to_bytes(Precision::F32)?)?;
        if let Some(svg) = plot::draw(self.metrics.lines())? {
            atomic::write(self.folder.plot(), svg.as_bytes())?;
        }
        self.metrics.sync()?;
        let state = pollster::block_on(self.trainer.state())?;
        let saved = SavedState { state, pending: self.pending.clone(), origin: self.origin.clone() };
        saved.write(&self.folder.state(), self.trainer.graph())
    }

    /// What the model says of how it came about.
    fn card(&self) -> serde_json::Value {
        let training = &self.config.training;
        let step = self.trainer.steps_done();
        json!({
            "data": crate::pictures::name(&self.config.data.dataset),
            "pictures": self.origin.pictures,
            "steps": step,
            "images_seen": u64::from(step) * u64::from(training.batch_size),
            "batch_size": training.batch_size,
            "learning_rate": training.learning_rate,
            "seed": training.seed,
            "weights": format!("moving average, decay {}", training.ema_decay),
            "init": self.config.init.as_deref().map(crate::model::name),
            "adapter": self.origin.adapter,
            "software": format!("ddpm {}", env!("CARGO_PKG_VERSION")),
        })
    }

    /// The first step whose loss was not read yet.
    fn first_unread(&self) -> u32 {
        self.pending.last().map_or_else(|| self.first_unlogged(), |latest| latest.step + 1)
    }

    /// The first step whose loss no line of metrics tells of.
    fn first_unlogged(&self) -> u32 {
        let logged = self.metrics.lines().iter().rev().find_map(|line| match line {
            Line::Training { step, .. } => Some(*step),
            Line::Validation { .. } => None,
        });
        logged.unwrap_or(0)
    }
}
