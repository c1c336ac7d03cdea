//! Which methods compute the convolutions: measured once for each adapter, driver and version of the shaders, and kept in the
//! user's cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, Result};
use ddpm::gpu::{ConvShape, GpuContext, Method, Methods};
use ddpm::graph::unet;
use ddpm::ops::tuning::{shaders_text, tune};
use ddpm::spec::UNetSpec;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

/// What decides whether to measure: `on`, `off`, or `auto`.
const VARIABLE: &str = "DDPM_TUNING";
/// Measuring ends once it has taken so long; what is left goes by the rule, and is measured the next time.
const BUDGET: Duration = Duration::from_secs(1);

/// A file of the cache: what was measured on one adapter.
#[derive(Serialize, Deserialize)]
struct Measured {
    adapter: String,
    driver: String,
    methods: Vec<(ConvShape, Method)>,
}

/// `gpu` with the methods that are the fastest for `samples` samples of `network`. `DDPM_TUNING=off` leaves them to
/// the rule. So does `auto`, the default, on adapters that compute on the CPU: the rule was measured there, and two
/// programs that share the cores would mislead the measurement.
///
/// # Errors
/// If the variable says something else, or the device is lost.
pub fn tuned(gpu: &GpuContext, network: &UNetSpec, samples: u32) -> Result<GpuContext> {
    let is_on = match std::env::var(VARIABLE).as_deref() {
        Ok("on") => true,
        Ok("off") => false,
        Ok("auto") | Err(_) => !gpu.adapter().cpu,
        Ok(found) => {
            return Err(Error::input(format!("{VARIABLE}: expected on, off or auto, found {found}")));
        }
    };
    if !is_on {
        return Ok(gpu.clone());
    }
    let graph = unet::describe(network, network.sample_size)?;
    let path = path(gpu);
    let mut methods = path.as_deref().and_then(read).unwrap_or_default();
    let found = tune(gpu, &graph, samples, &methods, BUDGET)?;
    if !found.is_empty() {
        methods.extend(found);
        if let Some(path) = &path {
            write(path, gpu, &methods);
        }
    }
    Ok(gpu.with_methods(Methods::Chosen(methods.into())))
}

/// The cache's file for this adapter, driver and these shaders; none where the system has no place for caches.
fn path(gpu: &GpuContext) -> Option<PathBuf> {
    let adapter = gpu.adapter();
    let key =
        [&adapter.name, &adapter.backend, &adapter.driver, &shaders_text()].map(String::as_str).join("\n");
    let folder = etcetera::choose_base_strategy().ok()?.cache_dir().join("ddpm");
    Some(folder.join(format!("methods-{:08x}.json", crc32fast::hash(key.as_bytes()))))
}

/// What an earlier run measured; a file that is missing or damaged is as none.
fn read(path: &Path) -> Option<Vec<(ConvShape, Method)>> {
    let measured: Measured = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    Some(measured.methods)
}

/// Keeps what was measured; where that is not possible it is measured again the next time.
fn write(path: &Path, gpu: &GpuContext, methods: &[(ConvShape, Method)]) {
    let adapter = gpu.adapter();
    let measured =
        Measured { adapter: adapter.name.clone(), driver: adapter.driver.clone(), methods: methods.to_vec() };
    let Ok(text) = serde_json::to_vec(&measured) else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = atomic::write(path, &text);
}
