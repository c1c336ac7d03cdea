//! `metrics.jsonl`: what a run says of itself, a line a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Training {
        /// Steps done.
        step: u32,
        /// What is minimised: mean over the steps since the line before.
        loss: f32,
        /// Mean over them of the norm before clipping.
        grad_norm: f32,
        /// Of the last of them.
        learning_rate: f64,
        images_per_second: f64,
        /// Time spent on training since the run began.
        seconds: f64,
    },
    Validation {
        /// Steps done.
        step: u32,
        /// Mean squared error of what is predicted, over pictures that are not trained on, whatever is minimised.
        validation_loss: f64,
    },
}

impl Line {
    fn step(&self) -> u32 {
        match self {
            Self::Training { step, .. } | Self::Validation { step, .. } => *step,
        }
    }
}

/// The file, and its lines so far.
pub struct Metrics {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
}

impl Metrics {
    /// Opens the file of a run of which `steps` steps are done; lines of later steps, and a last one that is not whole,
    /// are cut off.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn open(path: PathBuf, steps: u32) -> Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| refused(&path, "read", &error))?,
        };
        let whole = text.split_inclusive('\n').map_while(|line| {
            let parsed = line.ends_with('\n').then(|| serde_json::from_str::<Line>(line));
            parsed
                .and_then(std::result::Result::ok)
                .filter(|parsed| parsed.step() <= steps)
                .map(|p| (line, p))
        });
        let (kept, lines): (String, Vec<Line>) = whole.unzip();
        if kept != text || !path.exists() {
            atomic::write(&path, kept.as_bytes())?;
        }
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|error| refused(&path, "written", &error))?;
        Ok(Self { path, file, lines })
    }

    /// All lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Seconds of training so far, as the last line says.
    pub fn seconds(&self) -> f64 {
        let seconds = |line: &Line| match line {
            Line::Training { seconds, .. } => Some(*seconds),
            Line::Validation { .. } => None,
        };
        self.lines.iter().rev().find_map(seconds).unwrap_or(0.0)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn push(&mut self, line: Line) -> Result<()> {
        let mut text = serde_json::to_string(&line)
            .map_err(|error| Error::input(format!("{}: {error}", self.path.display())))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|error| refused(&self.path, "written", &error))?;
        self.lines.push(line);
        Ok(())
    }

    /// Sees that all lines are on the disk: before a state that says that they are.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_all().map_err(|error| refused(&self.path, "written", &error))
    }
}

fn refused(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::load(format!("{}: cannot be {what} ({error})", path.display()))
}
