//! How far long work is: a bar on a terminal, else a plain line every few seconds.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// Progress through `total` units of work, on standard error; gone from a terminal when dropped.
pub struct Progress {
    bar: Option<ProgressBar>,
    verb: &'static str,
    total: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Begins now.
    pub fn new(verb: &'static str, total: u64) -> Self {
        let style = ProgressStyle::with_template("{prefix} [{bar:32}] {percent:>3} % {msg}, {eta} to go");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total).with_prefix(verb);
            // The template above is one that indicatif reads.
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar
        });
        let now = Instant::now();
        Self { bar, verb, total, started: now, last_line: now }
    }

    /// Tells that `done` units are done, and where that is.
    pub fn set(&mut self, done: u64, place: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(place.to_owned());
            bar.set_position(done);
        } else if self.last_line.elapsed() >= INTERVAL && (1..self.total).contains(&done) {
            self.last_line = Instant::now();
            let passed = self.started.elapsed().as_secs_f64();
            let left = passed / done as f64 * self.total.saturating_sub(done) as f64;
            // Progress that nobody can read does not matter.
            let _ = writeln!(
                std::io::stderr(),
                "{}: {:.0} % after {passed:.0} s, about {left:.0} s to go ({place})",
                self.verb,
                100.0 * done as f64 / self.total as f64
            );
        }
    }

    /// Says something on a line of its own.
    pub fn say(&self, text: &str) {
        let line = format!("{}: {text}\n", self.verb);
        // As above.
        let write = || drop(std::io::stderr().write_all(line.as_bytes()));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
