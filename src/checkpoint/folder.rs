//! Checkpoints on the disk: a diffusers pipeline folder, a bare model folder, or a single packed file.
//!
//! | form | files |
//! | --- | --- |
//! | pipeline | `model_index.json`, `unet/config.json`, `unet/diffusion_pytorch_model.safetensors`, `scheduler/scheduler_config.json` |
//! | bare | `config.json`, `diffusion_pytorch_model.safetensors`, `scheduler_config.json` side by side |
//! | file | one `.safetensors` |

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::json::{Fields, parse_object};
use super::{Checkpoint, DIFFUSERS_VERSION, Precision, Weights, atomic};
use crate::error::{Error, Result};
use crate::spec::{DiffusionSpec, UNetSpec};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
const PICKLED_WEIGHTS: &str = "diffusion_pytorch_model.bin";
const SHARDED_WEIGHTS: &str = "diffusion_pytorch_model.safetensors.index.json";

/// Longest configuration file, in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// Reads the checkpoint at `path`, in whichever form it is.
///
/// # Errors
/// One sentence that names the file, the tensor or key, what was expected and what was found.
pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint> {
    let path = path.as_ref();
    if path.is_dir() {
        return load_folder(path);
    }
    let pickled = path
        .extension()
        .is_some_and(|kind| ["bin", "ckpt", "pt", "pth"].iter().any(|pickle| kind == *pickle));
    if pickled && path.exists() {
        return Err(Error::unsupported(format!(
            "{}: expected a folder or a .safetensors file, found pickled PyTorch weights; give diffusers its folder to \
             convert them: {}",
            path.display(),
            conversion(path.parent().unwrap_or(path))
        )));
    }
    let bytes = read(path)?;
    Checkpoint::from_bytes(bytes).map_err(|error| error.within(path.display()))
}

fn load_folder(folder: &Path) -> Result<Checkpoint> {
    let pipeline = folder.join("unet/config.json").is_file();
    let (unet, scheduler) = if pipeline {
        (folder.join("unet"), folder.join("scheduler/scheduler_config.json"))
    } else {
        (folder.to_owned(), folder.join("scheduler_config.json"))
    };
    let (config, weights) = (unet.join("config.json"), unet.join(WEIGHTS));
    let index = folder.join("model_index.json");
    if index.is_file() {
        check_index(&read_text(&index)?).map_err(|error| error.within(index.display()))?;
    }
    if !config.is_file() {
        return Err(Error::load(format!(
            "{}: expected a diffusers folder with unet/config.json or config.json, found neither",
            folder.display()
        )));
    }
    let spec = UNetSpec::from_json(&read_text(&config)?).map_err(|error| error.within(config.display()))?;
    let diffusion = if scheduler.is_file() {
        let text = read_text(&scheduler)?;
        Some(DiffusionSpec::from_json(&text).map_err(|error| error.within(scheduler.display()))?)
    } else {
        None
    };
    if !weights.is_file() {
        return Err(missing_weights(folder, &unet));
    }
    Weights::read(read(&weights)?)
        .and_then(|(tensors, texts)| Checkpoint::assemble(spec, diffusion, tensors, &texts))
        .map_err(|error| error.within(weights.display()))
}

/// Refuses pipelines whose network does not make the pictures themselves.
fn check_index(text: &str) -> Result<()> {
    let map = parse_object(text)?;
    Fields(&map).only("_class_name", "\"DDPMPipeline\" or \"DDIMPipeline\"", |name| {
        name == "DDPMPipeline" || name == "DDIMPipeline"
    })
}

/// Says which weights there are instead of those expected, and how to convert them.
fn missing_weights(folder: &Path, unet: &Path) -> Error {
    let expected = format!("{}: expected {WEIGHTS}, found", unet.display());
    if unet.join(SHARDED_WEIGHTS).is_file() {
        Error::unsupported(format!("{expected} sharded weights; convert them with: {}", conversion(folder)))
    } else if unet.join(PICKLED_WEIGHTS).is_file() {
        Error::unsupported(format!("{expected} {PICKLED_WEIGHTS}; convert it with: {}", conversion(folder)))
    } else {
        Error::load(format!("{expected} no weights"))
    }
}

/// The command that rewrites `folder` with the weights as one safetensors file.
fn conversion(folder: &Path) -> String {
    let class = if folder.join("unet").is_dir() { "DDPMPipeline" } else { "UNet2DModel" };
    format!(
        "python -c \"from diffusers import {class} as M; M.from_pretrained(r'{0}').save_pretrained(r'{0}', \
         max_shard_size='100GB')\"",
        folder.display()
    )
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))
}

fn read_text(path: &Path) -> Result<String> {
    let cannot = |why: String| Error::load(format!("{}: cannot be read ({why})", path.display()));
    let length = fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if length > MAX_CONFIG {
        return Err(cannot(format!(
            "expected a configuration of at most {MAX_CONFIG} bytes, found {length}"
        )));
    }
    fs::read_to_string(path).map_err(|error| cannot(error.to_string()))
}

/// Writes `checkpoint` as a single packed file.
///
/// # Errors
/// If it cannot be written, or cannot be written in this precision; then nothing is.
pub fn save_file(checkpoint: &Checkpoint, path: impl AsRef<Path>, precision: Precision) -> Result<()> {
    let bytes = checkpoint.to_bytes(precision).map_err(|error| error.within(path.as_ref().display()))?;
    atomic::write(path, &bytes)
}

/// Writes `checkpoint` as a diffusers pipeline folder, over the one that may be there.
///
/// # Errors
/// If it cannot be written, or cannot be written in this precision; then nothing is.
pub fn save(checkpoint: &Checkpoint, folder: impl AsRef<Path>, precision: Precision) -> Result<()> {
    let folder = folder.as_ref();
    let within = |error: Error| error.within(folder.display());
    checkpoint.validate().map_err(within)?;
    let weights = checkpoint.weights.write(precision, checkpoint.weights_metadata()).map_err(within)?;
    let scheduler = checkpoint.diffusion.to_json().map_err(within)?;
    let index = json!({
        "_class_name": "DDPMPipeline",
        "_diffusers_version": DIFFUSERS_VERSION,
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    });
    let (unet_folder, scheduler_folder) = (folder.join("unet"), folder.join("scheduler"));
    let files = [
        (unet_folder.join(WEIGHTS), weights),
        (unet_folder.join("config.json"), text(&checkpoint.unet.to_json())),
        (scheduler_folder.join("scheduler_config.json"), text(&scheduler)),
        (folder.join("model_index.json"), text(&index)),
    ];
    let mut made = Made::default();
    made.make(&unet_folder)?;
    made.make(&scheduler_folder)?;
    atomic::write_all(&files)?;
    made.0.clear();
    Ok(())
}

/// A JSON file's text, laid out as diffusers does.
fn text(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// Folders made for files that are still to come; removed when dropped, if empty.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes `folder` and its parents where they are missing.
    fn make(&mut self, folder: &Path) -> Result<()> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
        for path in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
            fs::create_dir(path)
                .map_err(|error| Error::load(format!("{}: cannot be made ({error})", path.display())))?;
            self.0.push(path.to_owned());
        }
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // One that is not empty is no longer ours to remove.
            let _ = fs::remove_dir(folder);
        }
    }
}
