//! Mean and covariance of features, kept up while they come.

use nalgebra::{DMatrix, DVector};

use crate::error::{Error, Result};

/// A mean and a covariance, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    pub(super) mean: DVector<f64>,
    pub(super) covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Of `mean` (`[D]`) and `covariance` (`[D, D]`, symmetric).
    ///
    /// # Errors
    /// If the lengths do not fit, or a number is not finite.
    pub fn new(mean: &[f64], covariance: &[f64]) -> Result<Self> {
        let dimension = mean.len();
        if dimension == 0 || covariance.len() != dimension * dimension {
            return Err(Error::input(format!(
                "expected a mean and a covariance of one dimension at least, found {dimension} and {} numbers",
                covariance.len()
            )));
        }
        if let Some(found) = mean.iter().chain(covariance).find(|value| !value.is_finite()) {
            return Err(Error::input(format!("expected a finite mean and covariance, found {found}")));
        }
        Ok(Self {
            mean: DVector::from_column_slice(mean),
            covariance: DMatrix::from_row_slice(dimension, dimension, covariance),
        })
    }

    /// `[D]`.
    pub fn mean(&self) -> &[f64] {
        self.mean.as_slice()
    }

    /// `[D, D]`.
    pub fn covariance(&self) -> &[f64] {
        // Symmetric, so rows are columns.
        self.covariance.as_slice()
    }
}

/// Sums over features, in f64.
#[derive(Clone, Debug)]
pub struct Moments {
    count: u64,
    mean: DVector<f64>,
    /// Σ (f − mean)(f − mean)ᵀ.
    scatter: DMatrix<f64>,
}

impl Moments {
    /// Of no features yet, each of `dimension` numbers.
    pub fn new(dimension: usize) -> Self {
        Self { count: 0, mean: DVector::zeros(dimension), scatter: DMatrix::zeros(dimension, dimension) }
    }

    /// N.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Adds `features`: `[n, D]`.
    ///
    /// The parts are merged by their means (Chan, Golub and LeVeque), so that nothing cancels where the mean is large:
    /// scatter += X Xᵀ + n N / (n + N) δ δᵀ, X the new ones about their own mean, δ the difference of the means.
    ///
    /// # Panics
    /// If they are not whole.
    pub fn push(&mut self, features: &[f32]) {
        let dimension = self.dimension();
        assert!(features.len().is_multiple_of(dimension), "{} features of {dimension}", features.len());
        let count = features.len() / dimension;
        if count == 0 {
            return;
        }
        let columns =
            DMatrix::from_iterator(dimension, count, features.iter().map(|&value| f64::from(value)));
        let mean = columns.column_mean();
        let delta = &mean - &self.mean;
        let (new, old) = (count as f64, self.count as f64);
        // δ with the root of its weight is one more column.
        let weighted = &delta * (new * old / (new + old)).sqrt();
        let about = DMatrix::from_fn(dimension, count + 1, |row, column| match column {
            _ if column == count => weighted[row],
            _ => columns[(row, column)] - mean[row],
        });
        self.scatter.gemm(1.0, &about, &about.transpose(), 1.0);
        self.mean += delta * (new / (new + old));
        self.count += count as u64;
    }

    /// The mean and the unbiased covariance, scatter / (N − 1).
    ///
    /// # Errors
    /// If there are fewer than two.
    pub fn gaussian(&self) -> Result<Gaussian> {
        if self.count < 2 {
            return Err(Error::input(format!("expected 2 pictures at least, found {}", self.count)));
        }
        let covariance = (&self.scatter + self.scatter.transpose()) * (0.5 / (self.count - 1) as f64);
        Ok(Gaussian { mean: self.mean.clone(), covariance })
    }
}
