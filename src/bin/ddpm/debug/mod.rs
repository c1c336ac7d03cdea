//! `ddpm debug`: single pieces of the machine, to be compared or looked at.

pub mod gradients;
mod inputs;
pub mod predict;
pub mod shaders;
mod tile;

use clap::Subcommand;

/// Single pieces of the machine, for comparing with other implementations and for looking at.
#[derive(Subcommand)]
pub enum Verb {
    Predict(predict::Args),
    Gradients(gradients::Args),
    Shaders(shaders::Args),
}
