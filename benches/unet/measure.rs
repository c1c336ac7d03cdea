//! Runs that last long enough, and what to say of them.

use std::time::Instant;

use serde::Serialize;

/// Runs of which the median is taken, and fewer where they are long.
const RUNS: usize = 7;
const FEWEST_RUNS: usize = 3;
/// A run lasts about this long, in seconds.
const RUN_SECONDS: f64 = 0.5;
/// And all of them at most about so long.
const ALL_SECONDS: f64 = 10.0;

/// Measurements of one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Runs {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub runs: Vec<f64>,
}

impl Runs {
    pub fn new(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        Self { median: sorted[sorted.len() / 2], least: sorted[0], most: sorted[sorted.len() - 1], runs }
    }

    /// These by `others`, run by run.
    pub fn by(&self, others: &Self) -> Self {
        Self::new(self.runs.iter().zip(&others.runs).map(|(run, other)| run / other).collect())
    }

    /// "median (least to most)".
    pub fn words(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}

/// Seconds of one repetition of `work(n)`, which does something `n` times and waits for it.
pub fn seconds(mut work: impl FnMut(u32)) -> Runs {
    let mut time = |n: u32| {
        let begin = Instant::now();
        work(n);
        begin.elapsed().as_secs_f64() / f64::from(n)
    };
    // The first compiles; the second says how many make a run.
    time(1);
    let (repetitions, runs) = sizes(time(1));
    Runs::new((0..runs).map(|_| time(repetitions)).collect())
}

/// Seconds of one repetition of each of `work`, as in [`seconds`], in turns: run by run, as many as the slowest allows.
pub fn in_turns<const N: usize>(mut work: [&mut dyn FnMut(u32); N]) -> [Runs; N] {
    fn time(work: &mut dyn FnMut(u32), n: u32) -> f64 {
        let begin = Instant::now();
        work(n);
        begin.elapsed().as_secs_f64() / f64::from(n)
    }
    let sizes = work.each_mut().map(|work| {
        time(*work, 1);
        sizes(time(*work, 1))
    });
    let rounds = sizes.iter().map(|(_, runs)| *runs).min().unwrap_or(FEWEST_RUNS);
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for ((times, work), (repetitions, _)) in times.iter_mut().zip(&mut work).zip(sizes) {
            times.push(time(*work, repetitions));
        }
    }
    times.map(Runs::new)
}

/// Repetitions of a run, and runs, of something that takes `seconds`.
pub fn sizes(seconds: f64) -> (u32, usize) {
    let repetitions = (RUN_SECONDS / seconds).clamp(1.0, 1000.0).floor();
    let runs = (ALL_SECONDS / (repetitions * seconds)) as usize;
    (repetitions as u32, runs.clamp(FEWEST_RUNS, RUNS))
}

/// What this process used of all cores so far, where the system tells.
pub fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the program's name: from the third field on, of which the 14th and 15th count hundredths.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut hundredths = || fields.next()?.parse::<f64>().ok();
    Some((hundredths()? + hundredths()?) / 100.0)
}
