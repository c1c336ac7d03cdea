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

/// Paces the steps of one chain.
pub(super) struct Pacer {
    /// Steps of each submission in flight.
    in_flight: VecDeque<u32>,
    /// Submissions that the device has finished.
    finished: Arc<AtomicU32>,
    /// Submissions of all chains in flight.
    in_flight_of_all: Arc<AtomicU32>,
    seen: u32,
    last_finish_ms: f64,
    /// Steps a millisecond; 0 until the first submission is finished.
    rate: f64,
    /// Steps a second that the reader asked for; 0 for as fast as it goes.
    limit: f64,
    last_tick_ms: f64,
    allowance: f64,
}

impl Pacer {
    /// For a chain on a device that counts its submissions in `in_flight_of_all`.
    pub(super) fn new(in_flight_of_all: Arc<AtomicU32>) -> Self {
        Self {
            in_flight: VecDeque::new(),
            finished: Arc::default(),
            in_flight_of_all,
            seen: 0,
            last_finish_ms: 0.0,
            rate: 0.0,
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
    /// them, so alone it would be so many times as fast.
    pub(super) fn steps_due(&mut self, now_ms: f64, sharing: u32) -> u32 {
        let idle = self.in_flight.is_empty();
        self.note_finished(now_ms);
        let since = (now_ms - self.last_tick_ms).clamp(0.0, 250.0);
        self.last_tick_ms = now_ms;
        let per_submission = (self.rate * f64::from(sharing) * SUBMISSION_MS).clamp(1.0, 64.0);
        // Where chains share the device it is one limit for all, or those with the higher one would take every turn.
        let many = per_submission > 1.0 || sharing > 1;
        let most = if many { MANY_IN_FLIGHT } else { FEW_IN_FLIGHT };
        if self.limit > 0.0 {
            self.allowance = (self.allowance + since * self.limit / 1000.0).min(per_submission.max(1.0));
            if self.allowance < 1.0 {
                return 0;
            }
        }
        if self.in_flight_of_all.load(Relaxed) as usize >= most {
            return 0;
        }
        if idle {
            self.last_finish_ms = now_ms;
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
            let measured = f64::from(steps) / (now_ms - self.last_finish_ms).max(1.0);
            self.rate = if self.rate == 0.0 { measured } else { 0.7 * self.rate + 0.3 * measured };
            self.last_finish_ms = now_ms;
        }
    }

    /// `steps` steps were submitted to `queue` just now.
    pub(super) fn submitted(&mut self, queue: &wgpu::Queue, steps: u32) {
        self.in_flight.push_back(steps);
        self.allowance -= f64::from(steps);
        self.in_flight_of_all.fetch_add(1, Relaxed);
        let (finished, in_flight_of_all) = (self.finished.clone(), self.in_flight_of_all.clone());
        queue.on_submitted_work_done(move || {
            finished.fetch_add(1, Relaxed);
            in_flight_of_all.fetch_sub(1, Relaxed);
        });
    }
}
