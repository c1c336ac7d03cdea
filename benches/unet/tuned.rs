//! The methods that the command would measure first: on GPUs.

use std::time::Duration;

use ddpm::error::Result;
use ddpm::gpu::{Abilities, GpuContext, Methods};
use ddpm::ops::tuning::{choose, transformed_budget, tune};

use crate::networks::Network;
use crate::steps::Work;

/// The command's budget is a second a model, and what is left is measured the next time; here it is measured at once.
const BUDGET: Duration = Duration::from_secs(20);

/// `gpu` with the fastest methods for `work` on `batch` pictures. On adapters that compute on the CPU the rule stays, as for the
/// command; a processor has one way of its own.
pub fn tuned(gpu: &GpuContext, network: &Network, work: Work, batch: u32) -> Result<GpuContext> {
    if gpu.adapter().cpu {
        return Ok(gpu.clone());
    }
    let graph = &network.graph;
    // These networks' weights are f32, and training transforms them in memory that all layers share.
    let abilities = Abilities { half_weights: false, ..gpu.abilities() };
    let budget = match work {
        Work::Sampling => transformed_budget(graph),
        Work::Training => u64::MAX,
    };
    let measured = tune(gpu, abilities, graph, batch, &[], BUDGET)?;
    let methods = choose(graph, batch, &measured, budget);
    Ok(gpu.with_methods(Methods::Chosen(methods.into())))
}
