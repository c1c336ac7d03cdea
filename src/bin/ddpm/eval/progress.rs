//! The evaluation itself: batch after batch, saved now and then.

use std::time::{Duration, Instant};

use ddpm::checkpoint::Checkpoint;
use ddpm::error::{Error, ErrorKind, Result};
use ddpm::eval::{Evaluator, Strata, Term};
use ddpm::gpu::GpuContext;

use super::folder::EvalFolder;
use super::state::State;
use crate::interrupt;
use crate::progress::Progress;
use crate::shell::quoted_path;
use crate::work::advise;

/// Time between two saved states.
const SAVE_EVERY: Duration = Duration::from_secs(20);

/// What is evaluated, on what, and where it is kept.
pub struct Evaluation<'a> {
    pub gpu: &'a GpuContext,
    pub checkpoint: &'a Checkpoint,
    /// `[count, C, H, W]` in [−1, 1].
    pub x_start: &'a [f32],
    /// `[count]`.
    pub labels: Option<&'a [u32]>,
    pub strata: &'a Strata,
    pub folder: Option<&'a EvalFolder>,
}

impl Evaluation<'_> {
    /// Goes on from `state` to the end; the terms are `[count][strata]`.
    pub fn run(&self, mut state: State) -> Result<Vec<Term>> {
        let (count, slots) = (state.origin.count, state.origin.timesteps);
        let elements = self.x_start.len() / count as usize;
        let mut evaluator = Evaluator::new(self.gpu, self.checkpoint, state.batch, slots, state.origin.seed)
            .map_err(advise("--batch"))?;
        self.gpu.check().map_err(advise("--batch"))?;
        let mut progress = Progress::new("eval", u64::from(count) * u64::from(slots));
        let mut saved = Instant::now();
        while state.pictures_done < count {
            let first = state.pictures_done;
            let pictures = state.batch.min(count - first);
            let rows = first as usize..(first + pictures) as usize;
            let labels = self.labels.map(|labels| &labels[rows.clone()]);
            let x_start = &self.x_start[rows.start * elements..rows.end * elements];
            evaluator.set_pictures(first, x_start, labels)?;
            let place = format!("pictures {} to {} of {count}", first + 1, first + pictures);
            let mut read = state.slots_done;
            for slot in state.slots_done..slots {
                let of_picture = |n| self.strata.timestep(state.origin.seed, first + n, slot);
                let timesteps: Vec<u32> = (0..state.batch).map(of_picture).collect();
                evaluator.submit(slot, &timesteps);
                let done = u64::from(first) * u64::from(slots) + u64::from(slot + 1) * u64::from(pictures);
                progress.set(done, &place);
                let is_last = slot + 1 == slots;
                if !is_last && saved.elapsed() < SAVE_EVERY && !interrupt::asked() {
                    continue;
                }
                let terms = pollster::block_on(evaluator.read(slot + 1)).map_err(advise("--batch"))?;
                for done in read..slot + 1 {
                    for n in 0..pictures {
                        let term = terms[(done * state.batch + n) as usize];
                        state.terms[((first + n) * slots + done) as usize] = checked(term, first + n)?;
                    }
                }
                read = slot + 1;
                (state.pictures_done, state.slots_done) =
                    if is_last { (first + pictures, 0) } else { (first, read) };
                self.keep(&state)?;
                saved = Instant::now();
            }
        }
        Ok(state.terms)
    }

    /// Saves, and stops if that was asked.
    fn keep(&self, state: &State) -> Result<()> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        folder.save(state)?;
        if interrupt::asked() && state.pictures_done < state.origin.count {
            return Err(Error::input(format!(
                "stopped after {} of {} pictures, all saved; the same command with --out {} --resume goes on",
                state.pictures_done,
                state.origin.count,
                quoted_path(folder.path())
            )));
        }
        Ok(())
    }
}

/// A term that is a number.
fn checked(term: Term, picture: u32) -> Result<Term> {
    match [term.vb, term.xstart_mse, term.mse].iter().all(|value| value.is_finite()) {
        true => Ok(term),
        false => Err(Error::new(
            ErrorKind::SelfTest,
            format!("picture {picture}: expected finite terms of the bound, found {term:?}"),
        )),
    }
}
