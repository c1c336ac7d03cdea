//! How many steps to submit, and when: a few short submissions in flight, never waited for, however many chains there are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// GPU time of one submission, in milliseconds.
const SUBMISSION_MS: f64 = 30.0;
/// Submissions in flight when they are short; browsers that look at a queue only every 100 ms stay busy by them.
const MANY_IN_FLIGHT: usize = 4;
/// Submissions in flight when one step alone is long.
const FEW_IN_FLIGHT: usize = 2;

/// What all chains on one device have submitted.
#[derive(Default)]
pub(super) struct Shared {
    /// Submissions in flight.
    in_flight: AtomicU32,
    /// Steps that the device has finished.
    steps: AtomicU32,
}

/// Paces the steps of one chain.
pub(super) struct Pacer {
    /// Steps of each submission in flight.
    in_flight: VecDeque<u32>,
    /// Submissions that the device has finished.
    finished: Arc<AtomicU32>,
    shared: Arc<Shared>,
    seen: u32,
    last_finish_ms: f64,
    /// Steps that all chains had finished then.
    steps_of_all: u32,
    /// Steps a millisecond; 0 until the first submission is finished.
    rate: f64,
    /// The same of all chains together.
    rate_of_all: f64,
    /// Steps a second that the reader asked for; 0 for as fast as it goes.
    limit: f64,
    last_tick_ms: f64,
    allowance: f64,
}

impl Pacer {
    /// For a chain on a device whose chains share `shared`.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            in_flight: VecDeque::new(),
            finished: Arc::default(),
            shared,
            seen: 0,
            last_finish_ms: 0.0,
            steps_of_all: 0,
            rate: 0.0,
            rate_of_all: 0.0,
            limit: 0.0,
            last_tick_ms: 0.0,
            allowance: 0.0,
        }
    }

    pub(super) fn set_limit(&mut self, steps_per_second: f64) {
        self.limit = steps_per_second.max(0.0);
        self.allowance = 0.0;
    }

    /// Steps a second, measured.
    pub(super) fn steps_per_second(&self) -> f64 {
        self.rate * 1000.0
    }

    /// How many steps to submit at `now_ms`; 0 while enough is in flight. `sharing` chains play on this device, this one among
    /// them. How many fit a submission follows from what the device does for all of them: a chain's own rate depends on how many
    /// others were waiting just then.
    pub(super) fn steps_due(&mut self, now_ms: f64, sharing: u32) -> u32 {
        let idle = self.in_flight.is_empty();
        self.note_finished(now_ms);
        let since = (now_ms - self.last_tick_ms).clamp(0.0, 250.0);
        self.last_tick_ms = now_ms;
        let per_submission = (self.rate_of_all * SUBMISSION_MS).clamp(1.0, 64.0);
        // Where chains share the device it is one limit for all, or those with the higher one would take every turn.
        let many = per_submission > 1.0 || sharing > 1;
        let most = if many { MANY_IN_FLIGHT } else { FEW_IN_FLIGHT };
        if self.limit > 0.0 {
            self.allowance = (self.allowance + since * self.limit / 1000.0).min(per_submission.max(1.0));
            if self.allowance < 1.0 {
                return 0;
            }
        }
        if self.shared.in_flight.load(Relaxed) as usize >= most {
            return 0;
        }
        if idle {
            self.last_finish_ms = now_ms;
            self.steps_of_all = self.shared.steps.load(Relaxed);
        }
        let due = per_submission as u32;
        if self.limit > 0.0 { due.min(self.allowance as u32).max(1) } else { due }
    }

    fn note_finished(&mut self, now_ms: f64) {
        let finished = self.finished.load(Relaxed);
        let mut steps = 0;
        while self.seen != finished {
            self.seen = self.seen.wrapping_add(1);
            steps += self.in_flight.pop_front().unwrap_or(0);
        }
        if steps > 0 {
            let (since, of_all) = ((now_ms - self.last_finish_ms).max(1.0), self.shared.steps.load(Relaxed));
            follow(&mut self.rate, f64::from(steps) / since);
            follow(&mut self.rate_of_all, f64::from(of_all.wrapping_sub(self.steps_of_all)) / since);
            self.last_finish_ms = now_ms;
            self.steps_of_all = of_all;
        }
    }

    /// `steps` steps were submitted to `queue` just now.
    pub(super) fn submitted(&mut self, queue: &wgpu::Queue, steps: u32) {
        self.in_flight.push_back(steps);
        self.allowance -= f64::from(steps);
        self.shared.in_flight.fetch_add(1, Relaxed);
        let (finished, shared) = (self.finished.clone(), self.shared.clone());
        queue.on_submitted_work_done(move || {
            finished.fetch_add(1, Relaxed);
            shared.steps.fetch_add(steps, Relaxed);
            shared.in_flight.fetch_sub(1, Relaxed);
        });
    }
}

/// A running mean of what is measured, which begins with the first.
fn follow(mean: &mut f64, measured: f64) {
    *mean = if *mean == 0.0 { measured } else { 0.7 * *mean + 0.3 * measured };
}
