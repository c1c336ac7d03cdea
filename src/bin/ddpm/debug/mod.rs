//! `ddpm debug`: single pieces of the machine, from file to file.

pub mod gradients;
mod inputs;
pub mod predict;
mod tile;

use clap::Subcommand;

/// Single pieces of the machine, from file to file, for comparing with other implementations.
#[derive(Subcommand)]
pub enum Verb {
    Predict(predict::Args),
    Gradients(gradients::Args),
}
