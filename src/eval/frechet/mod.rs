//! The Fréchet distance between two sets of pictures by their features ([arXiv 1706.08500]): FID, where the features are
//! those of the usual Inception network.
//!
//! `FeatureNetwork` (with the feature `onnx`) computes features, [`Moments`] collects them, and [`distance`] compares the Gaussians that they are
//! taken for.
//!
//! [arXiv 1706.08500]: https://arxiv.org/abs/1706.08500

#[cfg(feature = "onnx")]
mod features;
#[cfg(feature = "onnx")]
mod measure;
#[cfg(feature = "onnx")]
mod model_file;
mod moments;

#[cfg(feature = "onnx")]
pub use features::{FeatureNetwork, ValueRange};
#[cfg(feature = "onnx")]
pub use measure::measure;
pub use moments::{Gaussian, Moments};

use nalgebra::{DMatrix, SymmetricEigen};

use crate::error::{Error, Result};

/// |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), eq. 6 of arXiv 1706.08500.
///
/// The eigenvalues of Σ₁ Σ₂ are those of the symmetric Fᵀ Σ₂ F for any Σ₁ = F Fᵀ. F here is V Λ^½ of Σ₁ = V Λ Vᵀ without
/// the columns that are 0 but for rounding, so a Σ of less than full rank is as good as any.
///
/// # Errors
/// If the two have not as many features.
pub fn distance(a: &Gaussian, b: &Gaussian) -> Result<f64> {
    let dimension = a.mean.len();
    if b.mean.len() != dimension {
        return Err(Error::input(format!(
            "expected two sets of {dimension} features, found one of {}",
            b.mean.len()
        )));
    }
    let means = (&a.mean - &b.mean).norm_squared();
    let traces = a.covariance.trace() + b.covariance.trace();
    Ok((means + traces - 2.0 * trace_of_root(&a.covariance, &b.covariance)).max(0.0))
}

/// tr (Σ₁ Σ₂)^½.
fn trace_of_root(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let SymmetricEigen { eigenvalues, eigenvectors } = a.clone().symmetric_eigen();
    let rounding = eigenvalues.max() * f64::EPSILON * a.nrows() as f64;
    let kept: Vec<usize> = (0..a.nrows()).filter(|&ix| eigenvalues[ix] > rounding).collect();
    if kept.is_empty() {
        return 0.0;
    }
    let factor = DMatrix::from_fn(a.nrows(), kept.len(), |row, ix| {
        eigenvectors[(row, kept[ix])] * eigenvalues[kept[ix]].sqrt()
    });
    let product = factor.tr_mul(&(b * &factor));
    // What rounding left unsymmetric or below 0 is nothing.
    let symmetric = (&product + product.transpose()) * 0.5;
    symmetric.symmetric_eigenvalues().iter().map(|value| value.max(0.0).sqrt()).sum()
}
