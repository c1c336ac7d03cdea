//! What the page is told of a model, and what it asks of the chain: JavaScript objects both ways.

use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};

use crate::checkpoint::Checkpoint;
use crate::diffusion::PredNoise;
use crate::error::{Error, Result, decimal};
use crate::graph::unet;
use crate::js;
use crate::sampler::{Conditioning, Method, SamplerOptions};
use crate::schedule;

/// A checkpoint for people: sizes, classes, card.
pub(super) fn model_info(checkpoint: &Checkpoint) -> Result<JsValue> {
    let spec = &checkpoint.unet;
    let graph = unet::describe(spec, spec.sample_size)?;
    let metadata = &checkpoint.metadata;
    let card = metadata.card.as_ref();
    let name = card.and_then(|card| card.get("name")).and_then(Value::as_str);
    let class_names: js_sys::Array = metadata.class_names.iter().map(JsValue::from).collect();
    let or_null = |number: Option<u32>| number.map_or(JsValue::NULL, JsValue::from);
    Ok(js::object(&[
        ("name", name.map_or(JsValue::NULL, JsValue::from)),
        ("parameters", (graph.num_parameters() as f64).into()),
        ("width", spec.sample_size[1].into()),
        ("height", spec.sample_size[0].into()),
        ("channels", spec.in_channels.into()),
        ("class_names", class_names.into()),
        ("null_class", or_null(metadata.null_class)),
        ("num_classes", or_null(spec.num_class_embeds)),
        ("num_timesteps", checkpoint.diffusion.num_timesteps.into()),
        ("betas", js_sys::Float64Array::from(&schedule::betas(&checkpoint.diffusion)?[..]).into()),
        ("gflop_per_image", (graph.flops() as f64 / 1e9).into()),
        ("card", card.map_or(JsValue::NULL, js::from_value)),
    ]))
}

/// What `Player.start` is given.
pub(super) struct StartOptions {
    pub(super) sampler: SamplerOptions,
    pub(super) view: String,
    pub(super) speed: f64,
    /// `[count, C, H, W]` and the t of its noise, where the chain does not begin with noise alone.
    pub(super) x: Option<(Vec<f32>, u32)>,
    /// The seed with which to go on from the last snapshot, if there is one.
    pub(super) resume: Option<u64>,
}

/// Reads `{count, seed, sampler, steps, eta, label, guidance, view, speed, x, t, resume}`, each of which may be missing.
pub(super) fn start_options(options: &JsValue) -> Result<StartOptions> {
    let number = |key: &str| js::get(options, key).as_f64();
    let text =
        |key: &str, default: &str| js::get(options, key).as_string().unwrap_or_else(|| default.to_owned());
    let whole = |key: &str, default: u32| match number(key) {
        None => Ok(default),
        Some(n) if n >= 0.0 && n <= f64::from(u32::MAX) && n.fract() == 0.0 => Ok(n as u32),
        Some(n) => Err(Error::input(format!("{key} {}: expected a whole number", decimal(n)))),
    };
    let method = match text("sampler", "ddpm").as_str() {
        "ddpm" => Method::Ddpm,
        "ddim" => {
            Method::Ddim { eta: number("eta").unwrap_or(0.0), pred_noise: PredNoise::FromClippedXStart }
        }
        other => return Err(Error::input(format!("sampler \"{other}\": expected ddpm or ddim"))),
    };
    let x = match js::get(options, "x").dyn_into::<js_sys::Float32Array>() {
        Err(_) => None,
        Ok(x) => Some((x.to_vec(), whole("t", 0)?)),
    };
    let label = match number("label") {
        None => None,
        Some(_) => Some(whole("label", 0)?),
    };
    Ok(StartOptions {
        sampler: SamplerOptions {
            count: whole("count", 16)?,
            first_sample: 0,
            seed: seed(&text("seed", "0"))?,
            method,
            steps: whole("steps", 1000)?,
            conditioning: Conditioning { label, guidance: number("guidance") },
            size: None,
            shared_noise: false,
            resample: 1,
        },
        view: text("view", "x_t"),
        speed: number("speed").unwrap_or(0.0),
        x,
        resume: js::get(options, "resume").as_string().map(|text| seed(&text)).transpose()?,
    })
}

/// A seed as a decimal number of 64 bits.
pub(super) fn seed(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::input(format!("seed \"{text}\": expected a whole number below 2^64")))
}
