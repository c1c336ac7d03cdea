//! `ddpm debug shaders`: every compute shader as the GPU's driver gets it.

use ddpm::gpu::assemble;
use ddpm::ops::SHADERS;
use serde_json::{Value, json};

use crate::Outcome;

/// Print every compute shader whole, its imports appended, for each set of its consts in use.
///
/// JSON: a list of objects with `shader`, `consts`, `entry_points` and `wgsl`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ddpm debug shaders > shaders.json")]
pub struct Args {}

pub fn run() -> Outcome {
    let all =
        SHADERS.iter().flat_map(|shader| shader.const_sets().into_iter().map(move |consts| (shader, consts)));
    let whole = all.map(|(shader, consts)| {
        let set: serde_json::Map<String, Value> = shader
            .consts
            .iter()
            .zip(consts)
            .map(|((name, _), value)| ((*name).to_owned(), value.into()))
            .collect();
        json!({
            "shader": shader.name,
            "consts": set,
            "entry_points": shader.entry_points,
            "wgsl": assemble(shader, &consts),
        })
    });
    Ok(whole.collect::<Value>().to_string())
}
