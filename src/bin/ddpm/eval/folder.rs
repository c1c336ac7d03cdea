//! The folder of an evaluation: where its files are.

use std::path::{Path, PathBuf};

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, Result};
use ddpm::eval::BoundTable;

use super::plot;
use super::report::{self, About};
use super::state::State;
use crate::work;

/// An evaluation's folder.
pub struct EvalFolder(PathBuf);

impl EvalFolder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn state(&self) -> PathBuf {
        self.0.join("terms.safetensors")
    }

    /// Checks that an evaluation can begin here or, if `resume`, go on; returns what there is to go on from.
    ///
    /// # Errors
    /// If there is an evaluation that is not to go on, or something else.
    pub fn check(&self, resume: bool) -> Result<Option<State>> {
        let path = self.0.display();
        let refused = |expected: &str, found: &str| {
            Err(Error::input(format!("{path}: expected {expected}, found {found}")))
        };
        if self.state().is_file() {
            return match resume {
                true => State::read(&self.state()).map(Some),
                false => refused("a new or empty folder", "an evaluation in it, which --resume continues"),
            };
        }
        work::check_vacant(&self.0, "an evaluation")?;
        Ok(None)
    }

    /// Makes the folder if it is not there, removes what an evaluation that was killed left half-written, and keeps what is
    /// done so far.
    pub fn prepare(&self, state: &State) -> Result<()> {
        work::make_folder(&self.0)?;
        atomic::remove_leftovers(&self.0);
        self.save(state)
    }

    /// Keeps what is done.
    pub fn save(&self, state: &State) -> Result<()> {
        state.write(&self.state())
    }

    /// Writes what was found, for people and for machines.
    pub fn write_results(&self, about: &About, table: &BoundTable) -> Result<()> {
        let files = [
            ("eval.json", report::json(about, table)),
            ("terms.csv", report::terms_csv(table)),
            ("rate-distortion.csv", report::rate_distortion_csv(table)),
            ("rate-distortion.svg", plot::draw(&table.rate_distortion())?),
        ];
        files.iter().try_for_each(|(name, text)| atomic::write(self.0.join(name), text.as_bytes()))
    }
}
