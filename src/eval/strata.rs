//! At which t a bound is evaluated: at all, or at one drawn from each of a few ranges.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::rng::{Stream, word_block};

/// Ranges of t, together 0 to T − 1; a term stands for all of its range.
///
/// t = 0, the decoder's, always has a range of its own, and the others grow with t by a factor, for so the terms fall: most
/// of the bound is at small t.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strata {
    ranges: Vec<Range<u32>>,
}

impl Strata {
    /// Each t by itself.
    pub fn all(num_timesteps: u32) -> Self {
        Self { ranges: (0..num_timesteps).map(|t| t..t + 1).collect() }
    }

    /// `count` ranges: t = 0, and others each as many times longer than the one before as whole numbers let them.
    ///
    /// # Errors
    /// If `count` is not 2 to T.
    pub fn new(num_timesteps: u32, count: u32) -> Result<Self> {
        if count == num_timesteps {
            return Ok(Self::all(num_timesteps));
        }
        if !(2..num_timesteps).contains(&count) {
            return Err(Error::input(format!("timesteps: expected 2 to {num_timesteps}, found {count}")));
        }
        let mut edge = 1;
        let rest = (1..count).rev().map(|left| {
            let factor = (f64::from(num_timesteps) / f64::from(edge)).powf(f64::from(left).recip());
            // Each later range wants one t at least.
            let next = ((f64::from(edge) * factor).round() as u32).clamp(edge + 1, num_timesteps + 1 - left);
            let range = edge..next;
            edge = next;
            range
        });
        Ok(Self { ranges: std::iter::once(0..1).chain(rest).collect() })
    }

    /// The ranges, t ascending.
    pub fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// The t of range `ix` for one picture: uniform, the word of (seed, drawn timesteps, 0, picture, `ix`).
    pub fn timestep(&self, seed: u64, picture: u32, ix: u32) -> u32 {
        let range = &self.ranges[ix as usize];
        let word = word_block(seed, Stream::Timestep, 0, picture, ix / 4)[(ix % 4) as usize];
        let width = u64::from(range.end - range.start);
        range.start + ((u64::from(word) * width) >> 32) as u32
    }
}
