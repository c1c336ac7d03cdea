//! The names of training's modes on the command line: those of `config.toml`.

use clap::ValueEnum;
use ddpm::spec::{LossType, PredictionType, VarianceType};

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum LossName {
    /// The squared error of what is predicted; a learned variance learns from the variational bound.
    Mse,
    /// The same with the bound times T / 1000: the hybrid loss of Nichol & Dhariwal.
    RescaledMse,
    /// The variational bound's term at the drawn t, in bits per dimension.
    Kl,
    /// The same times T.
    RescaledKl,
}

impl From<LossName> for LossType {
    fn from(name: LossName) -> Self {
        match name {
            LossName::Mse => Self::Mse,
            LossName::RescaledMse => Self::RescaledMse,
            LossName::Kl => Self::Kl,
            LossName::RescaledKl => Self::RescaledKl,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum PredictionName {
    /// The noise.
    Epsilon,
    /// The picture, x_0.
    Sample,
    /// The mean of the step before, as in Ho's code; diffusers cannot load such a model.
    PreviousX,
    /// v = √ᾱ ε − √(1−ᾱ) x_0.
    VPrediction,
}

impl From<PredictionName> for PredictionType {
    fn from(name: PredictionName) -> Self {
        match name {
            PredictionName::Epsilon => Self::Epsilon,
            PredictionName::Sample => Self::Sample,
            PredictionName::PreviousX => Self::PreviousX,
            PredictionName::VPrediction => Self::V,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum VarianceName {
    /// β.
    FixedLarge,
    /// That of the posterior.
    FixedSmall,
    /// The network's second half is its logarithm.
    Learned,
    /// The network's second half interpolates the logarithms of the two fixed ones.
    LearnedRange,
}

impl From<VarianceName> for VarianceType {
    fn from(name: VarianceName) -> Self {
        match name {
            VarianceName::FixedLarge => Self::FixedLarge,
            VarianceName::FixedSmall => Self::FixedSmall,
            VarianceName::Learned => Self::Learned,
            VarianceName::LearnedRange => Self::LearnedRange,
        }
    }
}
