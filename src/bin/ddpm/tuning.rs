//! Which methods compute the convolutions: measured once for each adapter, driver and version of the shaders, and kept in the
//! user's cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ddpm::checkpoint::{Checkpoint, Precision, atomic};
use ddpm::error::{Error, Result};
use ddpm::gpu::{Abilities, GpuContext, Methods};
use ddpm::graph::{Graph, unet};
use ddpm::ops::tuning::{Measured, choose, shaders_text, transformed_budget, tune};
use ddpm::spec::UNetSpec;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

/// What decides whether to measure: `on`, `off`, or `auto`.
const VARIABLE: &str = "DDPM_TUNING";
/// Measuring ends once it has taken so long; what is left goes by the rule, and is measured the next time.
const BUDGET: Duration = Duration::from_secs(1);

/// A file of the cache: what was measured on one adapter.
#[derive(Serialize, Deserialize)]
struct Cache {
    adapter: String,
    driver: String,
    measured: Vec<Measured>,
}

/// `gpu` with the methods that are the fastest for `samples` samples of `checkpoint`'s network. `DDPM_TUNING=off` leaves them to
/// the rule. So does `auto`, the default, on adapters that compute on the CPU: the rule was measured there, and two
/// programs that share the cores would mislead the measurement.
///
/// # Errors
/// If the variable says something else, or the device is lost.
pub fn tuned(gpu: &GpuContext, checkpoint: &Checkpoint, samples: u32) -> Result<GpuContext> {
    let weights = &checkpoint.weights;
    let half_weights = gpu.abilities().half_weights
        && weights.names().all(|name| weights.precision(name) == Some(Precision::F16));
    with_methods(
        gpu,
        Abilities { half_weights, ..gpu.abilities() },
        &checkpoint.unet,
        samples,
        transformed_budget,
    )
}

/// As [`tuned`], for training `network`: its weights are f32, and transformed at every step, in memory that all layers share.
///
/// # Errors
/// As [`tuned`].
pub fn tuned_for_training(gpu: &GpuContext, network: &UNetSpec, samples: u32) -> Result<GpuContext> {
    with_methods(gpu, Abilities { half_weights: false, ..gpu.abilities() }, network, samples, |_| u64::MAX)
}

fn with_methods(
    gpu: &GpuContext,
    abilities: Abilities,
    network: &UNetSpec,
    samples: u32,
    transformed_budget: impl Fn(&Graph) -> u64,
) -> Result<GpuContext> {
    let is_on = match std::env::var(VARIABLE).as_deref() {
        Ok("on") => true,
        Ok("off") => false,
        Ok("auto") | Err(_) => !gpu.adapter().cpu,
        Ok(found) => {
            return Err(Error::input(format!("{VARIABLE}: expected on, off or auto, found {found}")));
        }
    };
    // The processor has one way for each convolution.
    if !is_on || gpu.processor().is_some() {
        return Ok(gpu.clone());
    }
    let graph = unet::describe(network, network.sample_size)?;
    let path = path(gpu, abilities);
    let mut measured = path.as_deref().and_then(read).unwrap_or_default();
    let found = tune(gpu, abilities, &graph, samples, &measured, BUDGET)?;
    if !found.is_empty() {
        measured.extend(found);
        if let Some(path) = &path {
            write(path, gpu, &measured);
        }
    }
    let methods = choose(&graph, samples, &measured, transformed_budget(&graph));
    Ok(gpu.with_methods(Methods::Chosen(methods.into())))
}

/// The cache's file for this adapter, driver and these shaders, and for what methods may make use of; none where the system has no
/// place for caches.
fn path(gpu: &GpuContext, abilities: Abilities) -> Option<PathBuf> {
    let adapter = gpu.adapter();
    let abilities = format!("{abilities:?}");
    let key = [&adapter.name, &adapter.backend, &adapter.driver, &abilities, &shaders_text()]
        .map(String::as_str)
        .join("\n");
    let folder = etcetera::choose_base_strategy().ok()?.cache_dir().join("ddpm");
    Some(folder.join(format!("methods-{:08x}.json", crc32fast::hash(key.as_bytes()))))
}

/// What an earlier run measured; a file that is missing, damaged or of another version is as none.
fn read(path: &Path) -> Option<Vec<Measured>> {
    let cache: Cache = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    Some(cache.measured)
}

/// Keeps what was measured; where that is not possible it is measured again the next time.
fn write(path: &Path, gpu: &GpuContext, measured: &[Measured]) {
    let adapter = gpu.adapter();
    let cache =
        Cache { adapter: adapter.name.clone(), driver: adapter.driver.clone(), measured: measured.to_vec() };
    let Ok(text) = serde_json::to_vec(&cache) else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = atomic::write(path, &text);
}
