//! The folder of a run: where its files are.

use std::fs;
use std::path::{Path, PathBuf};

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, Result};
use ddpm::train::RunConfig;

use crate::work;

/// A run's folder.
pub struct RunFolder(PathBuf);

impl RunFolder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    pub fn plot(&self) -> PathBuf {
        self.0.join("loss.svg")
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state.safetensors")
    }

    pub fn model(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }

    /// The grid of samples after `step` steps.
    pub fn samples(&self, step: u32) -> PathBuf {
        self.0.join("samples").join(format!("step-{step:06}.png"))
    }

    /// Checks that a run can begin here or, if `resume`, go on; returns the configuration of the run that is there.
    ///
    /// # Errors
    /// If there is a run that is not to go on, or something else.
    pub fn check(&self, resume: bool) -> Result<Option<RunConfig>> {
        let path = self.0.display();
        let refused = |expected: &str, found: &str| {
            Err(Error::input(format!("{path}: expected {expected}, found {found}")))
        };
        if self.config().is_file() {
            if !resume {
                return refused("a new or empty folder", "a run in it, which --resume continues");
            }
            let text = fs::read_to_string(self.config()).map_err(|error| {
                Error::load(format!("{}: cannot be read ({error})", self.config().display()))
            })?;
            return match RunConfig::from_toml(&text) {
                Ok(config) => Ok(Some(config)),
                Err(error) => Err(error.within(self.config().display())),
            };
        }
        work::check_vacant(&self.0, "a run")?;
        Ok(None)
    }

    /// Makes the folder, writes the configuration, and removes what a run that was killed left half-written.
    ///
    /// # Errors
    /// If something cannot be made or written.
    pub fn prepare(&self, config: &RunConfig) -> Result<()> {
        work::make_folder(&self.0)?;
        // First of all files: a folder without it is not a run's.
        atomic::write(self.config(), config.to_toml()?.as_bytes())?;
        let samples = self.0.join("samples");
        work::make_folder(&samples)?;
        [&self.0, &samples].into_iter().for_each(|folder| atomic::remove_leftovers(folder));
        Ok(())
    }
}
