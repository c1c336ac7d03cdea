//! This computer's processor as a device: host functions in place of shaders, on its vector units and threads.
//!
//! A plan for it holds the same kernels, uniform blocks and bindings as one for wgpu. What differs is who executes them:
//! each [`KernelKey`](super::KernelKey) whose shader names a [`HostKernel`] is that function, called with a [`Call`]. Commands
//! run where they are encoded, one after the other; within one, [`Team`] shares the work among threads.

mod call;
mod disjoint;
mod dispatch;
mod level;
mod memory;
#[cfg(not(feature = "gpu"))]
mod request;
mod summary;
mod team;

pub use call::{Call, HostKernel};
pub use disjoint::Disjoint;
pub(super) use dispatch::Dispatch;
pub use level::Level;
pub(crate) use level::vectorised;
pub(super) use memory::Memory;
pub use team::Team;

use std::sync::Mutex;

use crate::error::{Error, Result};

/// What a processor is called among adapters.
pub const NAME: &str = "cpu";

/// What forces a vector unit: one of [`Level::NAMES`].
const VARIABLE: &str = "DDPM_SIMD";

/// Vector units and threads.
pub struct Processor {
    level: Level,
    team: Team,
    /// Held while commands run: bindings are borrowed from memory that clones of a buffer share.
    running: Mutex<()>,
}

impl Processor {
    /// The processor with `threads` threads, by default one for each of its cores, on the vector unit that is called `level`, by
    /// default its widest.
    ///
    /// # Errors
    /// If there are to be 0 threads or more than 1024, or the processor has no such vector unit.
    pub fn new(threads: Option<usize>, level: Option<&str>) -> Result<Self> {
        let level = match level {
            Some(name) => Level::named(name)?,
            None => Level::widest(),
        };
        let threads = threads.unwrap_or_else(Team::cores);
        if !(1..=Team::MOST).contains(&threads) {
            return Err(Error::input(format!("threads: expected 1 to {}, found {threads}", Team::MOST)));
        }
        Ok(Self { level, team: Team::new(threads)?, running: Mutex::new(()) })
    }

    /// As [`Self::new`], on the vector unit that the environment's `DDPM_SIMD` names, if it does.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_environment(threads: Option<usize>) -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(level) => Self::new(threads, Some(&level)).map_err(|error| error.within(VARIABLE)),
            Err(_) => Self::new(threads, None),
        }
    }

    /// Its vector unit.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Its threads.
    pub fn team(&self) -> &Team {
        &self.team
    }
}
