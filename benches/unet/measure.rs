//! Medians of runs that last long enough.

use std::time::Instant;

/// Runs of which the median is taken.
pub const RUNS: usize = 7;
/// A run lasts about this long, in seconds.
const RUN_SECONDS: f64 = 1.0;

/// Seconds of one repetition.
pub struct Seconds {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// Repeats `work(n)`, which does something `n` times and waits for it.
pub fn seconds(mut work: impl FnMut(u32)) -> Seconds {
    let mut time = |n: u32| {
        let begin = Instant::now();
        work(n);
        begin.elapsed().as_secs_f64() / f64::from(n)
    };
    // The first compiles; the second says how many make a run.
    time(1);
    let n = (RUN_SECONDS / time(1)).clamp(1.0, 1000.0) as u32;
    let mut runs: Vec<f64> = (0..RUNS).map(|_| time(n)).collect();
    runs.sort_by(f64::total_cmp);
    Seconds { median: runs[RUNS / 2], least: runs[0], most: runs[RUNS - 1] }
}
