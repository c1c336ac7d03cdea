//! What terms of the bound come to: sums, intervals, rates and distortions.

use std::ops::Range;

use super::Strata;
use crate::diffusion::bound::prior_bpd;
use crate::schedule::Schedule;

/// One term of one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Term {
    /// L_{t−1}, or L_0 at t = 0: bits per dimension.
    pub vb: f32,
    /// Mean of (x_0 − x̂_0)².
    pub xstart_mse: f32,
    /// Mean of (ε − ε̂)², ε̂ that of x̂_0.
    pub mse: f32,
}

/// A mean over pictures and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error; infinite of a single picture.
    pub standard_error: f64,
    /// Half of the 95 % confidence interval, by Student's t.
    pub half_width: f64,
}

impl Estimate {
    /// Of independent values.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let standard_error = if values.len() > 1 { (squares / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
        Self { mean, standard_error, half_width: standard_error * t_quantile(n - 1.0) }
    }
}

/// The 97.5 % quantile of Student's t, from the normal's by the Cornish–Fisher series; within 1 % from 4 degrees on.
fn t_quantile(degrees: f64) -> f64 {
    let z: f64 = 1.959963984540054;
    let nu = degrees.max(1.0);
    z + (z.powi(3) + z) / (4.0 * nu)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * nu * nu)
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * nu.powi(3))
}

/// A point of the progressive code: what is known once x_t has been sent (arXiv 2006.11239 §4.3, figure 5 and table 4).
#[derive(Clone, Debug, PartialEq)]
pub struct RatePoint {
    /// The t that it stands for.
    pub timesteps: Range<u32>,
    /// T − t, t the middle of those: steps of the reverse process, the paper's T − t + 1.
    pub reverse_time: f64,
    /// Bits per dimension sent so far: L_T and every L_{s−1} of s > t.
    pub rate: Estimate,
    /// Root mean squared error of x̂_0, on \[0, 255\].
    pub distortion: f64,
}

/// The terms of all pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundTable {
    strata: Strata,
    prior: Vec<f64>,
    terms: Vec<Term>,
}

impl BoundTable {
    /// `terms`: `[pictures][strata]`; `x_start`: `[pictures, C, H, W]`.
    ///
    /// # Panics
    /// If there is no picture, or the lengths do not fit one another.
    pub fn new(schedule: &Schedule, strata: Strata, x_start: &[f32], terms: Vec<Term>) -> Self {
        let pictures = terms.len() / strata.ranges().len();
        assert!(pictures > 0 && terms.len() == pictures * strata.ranges().len(), "whole pictures");
        assert!(x_start.len().is_multiple_of(pictures), "whole pictures");
        let prior = x_start
            .chunks_exact(x_start.len() / pictures)
            .map(|picture| prior_bpd(schedule, &picture.iter().map(|&x| x.into()).collect::<Vec<f64>>()))
            .collect();
        Self { strata, prior, terms }
    }

    /// Pictures.
    pub fn pictures(&self) -> usize {
        self.prior.len()
    }

    /// At which t.
    pub fn strata(&self) -> &Strata {
        &self.strata
    }

    /// The terms of one picture, t ascending.
    fn rows(&self) -> impl Iterator<Item = &[Term]> {
        self.terms.chunks_exact(self.strata.ranges().len())
    }

    /// An estimate of `of` over the pictures.
    fn over_pictures(&self, of: impl Fn(f64, &[Term]) -> f64) -> Estimate {
        Estimate::of(self.prior.iter().zip(self.rows()).map(|(&prior, row)| of(prior, row)))
    }

    /// Σ over the ranges `part` of the terms, each as often as its range has t.
    fn sum(&self, row: &[Term], part: Range<usize>, of: fn(&Term) -> f32) -> f64 {
        let ranges = &self.strata.ranges()[part.clone()];
        row[part]
            .iter()
            .zip(ranges)
            .map(|(term, range)| f64::from(range.end - range.start) * f64::from(of(term)))
            .sum()
    }

    /// The bound: L_T + Σ L_{t−1} + L_0, bits per dimension.
    pub fn total(&self) -> Estimate {
        self.over_pictures(|prior, row| prior + self.sum(row, 0..row.len(), |term| term.vb))
    }

    /// L_T.
    pub fn prior(&self) -> Estimate {
        self.over_pictures(|prior, _| prior)
    }

    /// L_1 + … + L_{T−1}; with L_T the paper's rate.
    pub fn middle(&self) -> Estimate {
        self.over_pictures(|_, row| self.sum(row, 1..row.len(), |term| term.vb))
    }

    /// L_0, the paper's distortion in bits.
    pub fn decoder(&self) -> Estimate {
        self.over_pictures(|_, row| f64::from(row[0].vb))
    }

    /// Mean squared error of ε̂ over all t.
    pub fn noise_error(&self) -> Estimate {
        let count = self.strata.ranges().last().map_or(1, |range| range.end);
        self.over_pictures(|_, row| self.sum(row, 0..row.len(), |term| term.mse) / f64::from(count))
    }

    /// Each range's L_{t−1} (a t's, not the range's sum) and error of ε̂.
    pub fn by_stratum(&self) -> impl Iterator<Item = (Range<u32>, Estimate, Estimate)> {
        self.strata.ranges().iter().enumerate().map(|(ix, range)| {
            let of = |of: fn(&Term) -> f32| self.over_pictures(|_, row| f64::from(of(&row[ix])));
            (range.clone(), of(|term| term.vb), of(|term| term.mse))
        })
    }

    /// The progressive code's points, from the first step of the reverse process to the last.
    pub fn rate_distortion(&self) -> Vec<RatePoint> {
        let ranges = self.strata.ranges();
        let num_timesteps = f64::from(ranges.last().map_or(0, |range| range.end));
        let point = |ix: usize| {
            let range = &ranges[ix];
            // Of its own range, the terms above its middle.
            let before = f64::from(range.end - range.start - 1) / 2.0;
            let rate = self.over_pictures(|prior, row| {
                prior + self.sum(row, ix + 1..row.len(), |term| term.vb) + before * f64::from(row[ix].vb)
            });
            let squared = self.over_pictures(|_, row| row[ix].xstart_mse.into()).mean;
            RatePoint {
                timesteps: range.clone(),
                reverse_time: num_timesteps - f64::from(range.start) - before,
                rate,
                distortion: 127.5 * squared.sqrt(),
            }
        };
        (0..ranges.len()).rev().map(point).collect()
    }
}
