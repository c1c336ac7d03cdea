//! Plays a chain natively: as many steps a submission as its time budget allows, two submissions in flight.

use std::time::{Duration, Instant};

use super::{Frames, Sampler};
use crate::error::Result;
use crate::gpu::{Encoder, Submission};

/// GPU time of one submission: short enough for every watchdog, long enough to hide its cost.
const BUDGET: Duration = Duration::from_millis(80);

/// Plays `sampler` to the end of its chain; `progress` hears of the steps done. Frames are kept where they are due.
///
/// # Errors
/// If the device is lost or out of memory.
pub fn run(sampler: &mut Sampler, frames: Option<&mut Frames>, progress: impl FnMut(u32)) -> Result<()> {
    run_until(sampler, sampler.steps_total(), frames, progress)
}

/// As [`run`], until so many steps are done.
///
/// # Errors
/// As [`run`].
pub fn run_until(
    sampler: &mut Sampler,
    steps_done: u32,
    mut frames: Option<&mut Frames>,
    progress: impl FnMut(u32),
) -> Result<()> {
    let encode = |sampler: &mut Sampler, encoder: &mut Encoder, steps: u32| {
        for _ in 0..steps {
            if sampler.steps_done() == 0
                && let Some(frames) = frames.as_deref_mut()
            {
                frames.keep(sampler, encoder);
            }
            sampler.step(encoder);
            if let Some(frames) = frames.as_deref_mut() {
                frames.keep(sampler, encoder);
            }
        }
    };
    run_encoded(sampler, steps_done, encode, progress)
}

/// As [`run_until`], but `encode` encodes the steps of each submission, so many, and whatever else belongs there.
///
/// # Errors
/// As [`run`].
pub fn run_encoded(
    sampler: &mut Sampler,
    steps_done: u32,
    mut encode: impl FnMut(&mut Sampler, &mut Encoder, u32),
    mut progress: impl FnMut(u32),
) -> Result<()> {
    let end = steps_done.min(sampler.steps_total());
    let gpu = sampler.gpu().clone();
    let mut steps_per_submit = 1u32;
    let mut in_flight: Option<(Submission, u32, u32)> = None;
    let mut last_done = Instant::now();
    while sampler.steps_done() < end || in_flight.is_some() {
        let mut encoder = gpu.encoder();
        let first = sampler.steps_done();
        let due = steps_per_submit.min(end.saturating_sub(first));
        if due > 0 {
            encode(sampler, &mut encoder, due);
        }
        let encoded = sampler.steps_done() - first;
        let submitted = (encoded > 0).then(|| gpu.submit(encoder));
        if let Some((submission, steps, done)) = in_flight.take() {
            gpu.wait_for(submission);
            gpu.check()?;
            let took = last_done.elapsed();
            last_done = Instant::now();
            let per_step = took.as_secs_f64() / f64::from(steps.max(1));
            steps_per_submit = ((BUDGET.as_secs_f64() / per_step) as u32).clamp(1, 2 * steps.max(1));
            progress(done);
        }
        in_flight = submitted.map(|index| (index, encoded, sampler.steps_done()));
    }
    Ok(())
}
