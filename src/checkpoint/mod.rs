//! Checkpoints: what a trained network is and what it weighs, read from and written as Hugging Face diffusers
//! checkpoints.
//!
//! Two forms with the same tensor names. A **folder** is a diffusers pipeline ([`folder`]). A **file** is one
//! `.safetensors` whose `__metadata__` carries `unet_config` and `scheduler_config` (the diffusers JSON texts) and
//! `ddpm`: JSON with `format: 1` and, where they apply, `class_names`, `null_class` and `card`. A folder's weights
//! carry `ddpm` too, so that nothing is lost between the two.
//!
//! Nothing a file says is believed: a reader never panics, and never takes more memory than three times the file plus
//! 1 MiB. Not supported: weights in other formats than safetensors, sharded ones, and other dtypes than F32 and F16.

#[cfg(not(target_arch = "wasm32"))]
pub mod atomic;
#[cfg(not(target_arch = "wasm32"))]
pub mod folder;
mod header;
mod json;
mod metadata;
mod scheduler_config;
mod unet_config;
mod weights;

use serde_json::{Map, Value};

pub use metadata::Metadata;
pub use weights::{Precision, Weights};

use crate::error::{Error, Result};
use crate::spec::{DiffusionSpec, UNetSpec, VarianceType};
use header::Texts;
use json::shown;

/// The diffusers whose configuration files ours are.
const DIFFUSERS_VERSION: &str = "0.42.1";

/// A network, its diffusion process, and its weights.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The network.
    pub unet: UNetSpec,
    /// The process it was trained for.
    pub diffusion: DiffusionSpec,
    /// What diffusers has no place for.
    pub metadata: Metadata,
    /// The parameters by name.
    pub weights: Weights,
}

/// A parameter that a network has: its name in the checkpoint, and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamShape<'a> {
    /// The name.
    pub name: &'a str,
    /// The shape, outermost first.
    pub shape: &'a [usize],
}

impl Checkpoint {
    /// Checks that the network has the outputs that its variance asks for: C, or 2·C where that is learned.
    ///
    /// # Errors
    /// If it has not.
    pub fn check_outputs(&self) -> Result<()> {
        self.diffusion.check_outputs(&self.unet)
    }

    /// Reads a single packed file.
    ///
    /// # Errors
    /// One sentence that names the tensor or the key, what was expected and what was found.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let (weights, texts) = Weights::read(bytes)?;
        let Some(unet) = &texts.unet_config else {
            return Err(Error::load(
                "expected unet_config in the file's metadata, found none: give the folder that it is from, or pack \
                 that with ddpm pack",
            ));
        };
        let unet = UNetSpec::from_json(unet).map_err(|error| error.within("unet_config"))?;
        let diffusion = texts.scheduler_config.as_deref().map(DiffusionSpec::from_json).transpose();
        let diffusion = diffusion.map_err(|error| error.within("scheduler_config"))?;
        Self::assemble(unet, diffusion, weights, &texts)
    }

    /// Reads the parts of a folder: `config.json`, `scheduler_config.json` and the weights' safetensors file. Without
    /// a scheduler the process is [`DiffusionSpec::default`], its variance learned where the network has outputs for it.
    ///
    /// # Errors
    /// One sentence that names the tensor or the key, what was expected and what was found.
    pub fn from_parts(unet: &str, scheduler: Option<&str>, weights: Vec<u8>) -> Result<Self> {
        let unet = UNetSpec::from_json(unet).map_err(|error| error.within("unet config"))?;
        let diffusion = scheduler.map(DiffusionSpec::from_json).transpose();
        let diffusion = diffusion.map_err(|error| error.within("scheduler config"))?;
        let (weights, texts) = Weights::read(weights)?;
        Self::assemble(unet, diffusion, weights, &texts)
    }

    fn assemble(
        unet: UNetSpec,
        diffusion: Option<DiffusionSpec>,
        weights: Weights,
        texts: &Texts,
    ) -> Result<Self> {
        let diffusion = diffusion.unwrap_or_else(|| default_diffusion(&unet));
        let metadata = texts.ddpm.as_deref().map(Metadata::from_json).transpose();
        let metadata = metadata.map_err(|error| error.within("ddpm"))?.unwrap_or_default();
        let checkpoint = Self { unet, diffusion, metadata, weights };
        checkpoint.validate()?;
        Ok(checkpoint)
    }

    /// A single packed file: the same bytes for the same checkpoint.
    ///
    /// # Errors
    /// If the parts do not fit one another, or an element is more than f16 can hold.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>> {
        self.validate()?;
        let mut metadata = self.weights_metadata();
        metadata.insert("unet_config".into(), self.unet.to_json().to_string().into());
        metadata.insert("scheduler_config".into(), self.diffusion.to_json()?.to_string().into());
        self.weights.write(precision, metadata)
    }

    /// The metadata of a weights file of its own, beside `config.json`.
    fn weights_metadata(&self) -> Map<String, Value> {
        let texts = [("format", "pt".to_owned()), ("ddpm", self.metadata.to_json().to_string())];
        texts.into_iter().map(|(key, text)| (key.to_owned(), Value::from(text))).collect()
    }

    /// Checks that the weights are those of `parameters`, no more, no fewer, each with its shape. (That they are
    /// finite was seen when they were read.)
    ///
    /// # Errors
    /// One sentence that names the first tensor that is missing, unexpected or of another shape.
    pub fn check(&self, parameters: &[ParamShape]) -> Result<()> {
        for parameter in parameters {
            let found = match self.weights.shape(parameter.name) {
                Some(shape) if shape == parameter.shape => continue,
                Some(shape) => format!("{shape:?}"),
                None => "no such tensor".to_owned(),
            };
            return Err(Error::load(format!(
                "tensor {}: expected {:?} by the configuration, found {found}",
                parameter.name, parameter.shape
            )));
        }
        // All of `parameters` were found, so at most as many names are looked up.
        match self.weights.names().find(|name| parameters.iter().all(|parameter| parameter.name != *name)) {
            Some(name) => Err(Error::load(format!(
                "tensor {}: expected no such tensor by the configuration, found {:?}",
                shown(name),
                self.weights.shape(name).unwrap_or_default()
            ))),
            None => Ok(()),
        }
    }

    /// Checks that the parts fit one another.
    fn validate(&self) -> Result<()> {
        self.unet.validate()?;
        self.diffusion.validate()?;
        self.metadata.validate(&self.unet).map_err(|error| error.within("ddpm"))?;
        if self.diffusion.variance_type.is_learned() && self.unet.out_channels != 2 * self.unet.in_channels {
            return Err(Error::load(format!(
                "out_channels: expected {} for a learned variance, found {}",
                2 * self.unet.in_channels,
                self.unet.out_channels
            )));
        }
        Ok(())
    }
}

/// The process of a network that comes without a scheduler.
fn default_diffusion(unet: &UNetSpec) -> DiffusionSpec {
    let paper = DiffusionSpec::default();
    if unet.out_channels == unet.in_channels {
        paper
    } else {
        DiffusionSpec { variance_type: VarianceType::LearnedRange, ..paper }
    }
}
