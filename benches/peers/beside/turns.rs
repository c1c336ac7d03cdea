//! Two that take turns, and what to say of their times.

use std::time::Instant;

use ddpm::error::Result;

/// A run lasts about this long, in seconds.
const RUN_SECONDS: f64 = 0.5;

/// Does something so often, and waits for it.
pub type Work<'a> = &'a dyn Fn(u32) -> Result<()>;

/// Milliseconds a repetition of each, one a round.
pub fn in_turns(work: [Work<'_>; 2], rounds: u16) -> Result<[Vec<f64>; 2]> {
    let time = |work: Work<'_>, n: u32| {
        let begin = Instant::now();
        work(n)?;
        Ok(begin.elapsed().as_secs_f64() / f64::from(n))
    };
    let repetitions = |work: Work<'_>| -> Result<u32> {
        // The first compiles and tunes; the second says how many make a run.
        time(work, 1)?;
        Ok((RUN_SECONDS / time(work, 1)?).clamp(1.0, 1000.0) as u32)
    };
    let [ours, theirs] = work;
    let work = [(ours, repetitions(ours)?), (theirs, repetitions(theirs)?)];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ((work, repetitions), times) in work.iter().zip(&mut times) {
            times.push(time(*work, *repetitions)? * 1e3);
        }
    }
    Ok(times)
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// "median (least to most)".
pub fn spread(values: &[f64]) -> String {
    let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
    format!("{:.2} ({least:.2} to {most:.2})", median(values))
}
