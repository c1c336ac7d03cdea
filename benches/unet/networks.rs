//! The networks that are measured.

use ddpm::checkpoint::{Checkpoint, Metadata, folder};
use ddpm::error::Result;
use ddpm::graph::{Graph, unet};
use ddpm::spec::DiffusionSpec;
use ddpm::train::{Preset, initial_weights};

/// A diffusers folder.
const REFERENCE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/checkpoints/fashion-mnist-reference");

/// A network, and what it costs.
pub struct Network {
    pub name: &'static str,
    pub checkpoint: Checkpoint,
    pub graph: Graph,
}

impl Network {
    /// GFLOP of `pictures` pictures in one evaluation, counted as direct convolutions.
    pub fn gflop(&self, pictures: u32) -> f64 {
        self.graph.flops() as f64 * f64::from(pictures) / 1e9
    }
}

/// The reference checkpoint, 28 × 28 and grey.
pub fn reference() -> Result<Network> {
    let checkpoint = folder::load(REFERENCE)?;
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
    Ok(Network { name: "reference", checkpoint, graph })
}

/// A network of ddpm-cifar10-32's shape, 32 × 32 in colour, its weights drawn.
pub fn cifar10() -> Result<Network> {
    let unet = Preset::Cifar10.network([3, 32, 32]);
    let graph = unet::describe(&unet, unet.sample_size)?;
    let weights = initial_weights(&graph, 0)?;
    let (diffusion, metadata) = (DiffusionSpec::default(), Metadata::default());
    Ok(Network {
        name: "ddpm-cifar10-32",
        checkpoint: Checkpoint { unet, diffusion, metadata, weights },
        graph,
    })
}
