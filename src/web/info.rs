//! What the page is told of a model, and what it asks of the chain: JSON both ways.

use serde_json::{Value, json};

use crate::checkpoint::Checkpoint;
use crate::diffusion::PredNoise;
use crate::error::{Error, Result};
use crate::graph::unet;
use crate::sampler::{Conditioning, Method, SamplerOptions};

/// JSON of a checkpoint: sizes, classes, card.
pub(super) fn model_info(checkpoint: &Checkpoint) -> Result<String> {
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
    let card = &checkpoint.metadata.card;
    let name = card.as_ref().and_then(|card| card.get("name")).and_then(Value::as_str);
    Ok(json!({
        "name": name,
        "parameters": graph.num_parameters(),
        "width": checkpoint.unet.sample_size[1],
        "height": checkpoint.unet.sample_size[0],
        "channels": checkpoint.unet.in_channels,
        "class_names": checkpoint.metadata.class_names,
        "null_class": checkpoint.metadata.null_class,
        "num_classes": checkpoint.unet.num_class_embeds,
        "num_timesteps": checkpoint.diffusion.num_timesteps,
        "gflop_per_image": graph.flops() as f64 / 1e9,
        "card": card,
    })
    .to_string())
}

/// What `Player.start` is given.
pub(super) struct StartOptions {
    pub(super) sampler: SamplerOptions,
    pub(super) view: String,
    pub(super) speed: f64,
}

/// Reads `{count, seed, sampler, steps, eta, label, guidance, view, speed}`.
pub(super) fn start_options(text: &str) -> Result<StartOptions> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| Error::input(format!("options are not JSON: {e}")))?;
    let number = |key: &str| value.get(key).and_then(Value::as_f64);
    let whole = |key: &str, default: u32| match number(key) {
        None => Ok(default),
        Some(n) if n >= 0.0 && n <= f64::from(u32::MAX) && n.fract() == 0.0 => Ok(n as u32),
        Some(n) => Err(Error::input(format!("{key} {n}: expected a whole number"))),
    };
    let method = match value.get("sampler").and_then(Value::as_str) {
        None | Some("ddpm") => Method::Ddpm,
        Some("ddim") => {
            Method::Ddim { eta: number("eta").unwrap_or(0.0), pred_noise: PredNoise::FromClippedXStart }
        }
        Some(other) => return Err(Error::input(format!("sampler \"{other}\": expected ddpm or ddim"))),
    };
    let label = match number("label") {
        None => None,
        Some(_) => Some(whole("label", 0)?),
    };
    Ok(StartOptions {
        sampler: SamplerOptions {
            count: whole("count", 16)?,
            first_sample: 0,
            seed: seed(value.get("seed").and_then(Value::as_str).unwrap_or("0"))?,
            method,
            steps: whole("steps", 1000)?,
            conditioning: Conditioning { label, guidance: number("guidance") },
            size: None,
        },
        view: value.get("view").and_then(Value::as_str).unwrap_or("x_t").to_owned(),
        speed: number("speed").unwrap_or(0.0),
    })
}

/// A seed as a decimal number of 64 bits.
pub(super) fn seed(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::input(format!("seed \"{text}\": expected a whole number below 2^64")))
}
