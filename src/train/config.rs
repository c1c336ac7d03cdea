//! A whole training run as text: what a run folder's `config.toml` holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Preset;
use crate::dataset::files::{LoadOptions, Source, Split};
use crate::dataset::{Dataset, LabelDropout, LoaderOptions};
use crate::error::{Error, Result};
use crate::spec::{DiffusionSpec, TrainSpec, UNetSpec};

/// All that decides a run, and what it says of itself on the way. Keys that are not known are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The checkpoint whose weights it begins with; without it they are drawn.
    pub init: Option<PathBuf>,
    /// The pictures.
    pub data: DataConfig,
    /// The network.
    pub network: UNetSpec,
    /// The process; the paper's, where the table is missing.
    #[serde(default)]
    pub diffusion: DiffusionSpec,
    /// The optimiser and its numbers; what is missing is as in the paper, but for a micro-batch that is yet to be chosen.
    #[serde(default = "default_training")]
    pub training: TrainSpec,
    /// What is written when.
    #[serde(default)]
    pub output: OutputConfig,
}

/// The pictures of a run. Their size and channels are the network's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `mnist`, `fashion-mnist`, `cifar10` or `folder:PATH`.
    pub dataset: Source,
    /// The folder with the data set's files, if not a usual place. Not for `folder:PATH`.
    pub data: Option<PathBuf>,
    /// Train with labels: the data set's, or a folder's sub-folders.
    #[serde(default)]
    pub classes: bool,
    /// How often a label is left out, 0 to 1, so that the network learns without, too.
    #[serde(default = "default_label_dropout")]
    pub label_dropout: f64,
    /// Mirror half of the pictures.
    #[serde(default)]
    pub mirror: bool,
    /// The share of a folder to validate on; 0 is no validation.
    #[serde(default = "default_held_out")]
    pub held_out: f64,
    /// Leave out pictures that cannot be read.
    #[serde(default)]
    pub skip_bad: bool,
}

fn default_training() -> TrainSpec {
    TrainSpec { micro_batch: 0, ..TrainSpec::default() }
}

fn default_label_dropout() -> f64 {
    0.1
}

fn default_held_out() -> f64 {
    LoadOptions::default().held_out
}

/// What a run writes when, in steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// Steps between two saved states and models.
    pub save_every: u32,
    /// Steps between two sample grids and validation losses; 0 is none before the end.
    pub sample_every: u32,
    /// Steps between two lines of metrics.
    pub log_every: u32,
}

impl Default for OutputConfig {
    /// A state and samples every 500 steps, a line every 50.
    fn default() -> Self {
        Self { save_every: 500, sample_every: 500, log_every: 50 }
    }
}

impl DataConfig {
    /// The pictures of `dataset`, without classes, none mirrored.
    pub fn new(dataset: Source) -> Self {
        Self {
            dataset,
            data: None,
            classes: false,
            label_dropout: default_label_dropout(),
            mirror: false,
            held_out: default_held_out(),
            skip_bad: false,
        }
    }
}

impl RunConfig {
    /// `preset` on `data`, for pictures of `shape` (C, H, W).
    pub fn from_preset(preset: Preset, data: DataConfig, shape: [u32; 3]) -> Self {
        Self {
            init: None,
            data: DataConfig { mirror: data.mirror || preset.mirrors(), ..data },
            network: preset.network(shape),
            diffusion: DiffusionSpec::default(),
            training: preset.training(),
            output: OutputConfig::default(),
        }
    }

    /// Reads a `config.toml`.
    ///
    /// # Errors
    /// One sentence: where the text is not such a file, which key is not known, which value makes no sense.
    pub fn from_toml(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            Error::input(format!("{place}{}", error.message().replace('\n', " ")))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The `config.toml`: the same text for the same run.
    ///
    /// # Errors
    /// If it makes no sense, as [`Self::validate`] says it.
    pub fn to_toml(&self) -> Result<String> {
        self.validate()?;
        toml::to_string(self)
            .map_err(|error| Error::input(format!("config.toml: cannot be written ({error})")))
    }

    /// Checks what does not need the pictures.
    ///
    /// # Errors
    /// One sentence with the key, what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        self.network.validate()?;
        self.diffusion.validate()?;
        let training = &self.training;
        let micro_batch = if training.micro_batch == 0 { training.batch_size } else { training.micro_batch };
        TrainSpec { micro_batch, ..training.clone() }.validate()?;
        if i64::try_from(training.seed).is_err() {
            return Err(Error::input(format!(
                "seed: expected less than 2^63, as whole numbers are in TOML, found {}",
                training.seed
            )));
        }
        for (key, value) in [("label_dropout", self.data.label_dropout), ("held_out", self.data.held_out)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::input(format!("{key}: expected 0 to 1, found {value}")));
            }
        }
        for (key, value) in [("save_every", self.output.save_every), ("log_every", self.output.log_every)] {
            if value == 0 {
                return Err(Error::input(format!("{key}: expected 1 step at least, found 0")));
            }
        }
        if !self.data.classes && self.network.num_class_embeds.is_some() {
            return Err(Error::input(
                "num_class_embeds: expected none without classes to train with, found some",
            ));
        }
        self.diffusion.check_outputs(&self.network)
    }

    /// How the pictures of `split` are read.
    pub fn load_options(&self, split: Split) -> LoadOptions {
        LoadOptions {
            split,
            data: self.data.data.clone(),
            size: Some(self.network.sample_size),
            channels: Some(self.network.in_channels),
            classes: self.data.classes,
            held_out: self.data.held_out,
            skip_bad: self.data.skip_bad,
        }
    }

    /// Gives the network a row for each class of `dataset` and, last, one for no class, where it trains with classes.
    ///
    /// # Errors
    /// If the data set has no classes, or the network's are of another number.
    pub fn fit_classes(&mut self, dataset: &Dataset) -> Result<()> {
        if !self.data.classes {
            return Ok(());
        }
        let names = dataset.class_names().len();
        if dataset.labels().is_none() || names == 0 {
            return Err(Error::input(format!("{}: expected classes, found none", self.data.dataset)));
        }
        let rows = names as u32 + 1;
        match self.network.num_class_embeds {
            Some(found) if found != rows => Err(Error::input(format!(
                "num_class_embeds: expected {rows}, for {names} classes and none of them, found {found}"
            ))),
            _ => {
                self.network.num_class_embeds = Some(rows);
                Ok(())
            }
        }
    }

    /// The label that stands for no class: the last.
    pub fn null_class(&self) -> Option<u32> {
        self.network.num_class_embeds.map(|rows| rows - 1)
    }

    /// How its batches are made.
    pub fn loader_options(&self) -> LoaderOptions {
        let dropout = |null_class| LabelDropout { null_class, probability: self.data.label_dropout };
        LoaderOptions {
            batch_size: self.training.batch_size,
            seed: self.training.seed,
            mirror: self.data.mirror,
            label_dropout: self.null_class().map(dropout),
        }
    }

    /// The same run from any working folder.
    ///
    /// # Errors
    /// If there is no working folder.
    pub fn make_absolute(&mut self) -> Result<()> {
        if let Source::Folder(path) = &mut self.data.dataset {
            *path = absolute(path)?;
        }
        for path in [&mut self.data.data, &mut self.init].into_iter().flatten() {
            *path = absolute(path)?;
        }
        Ok(())
    }

    /// The first key in which this and `other` are not one run, and both values; what they write when does not matter.
    ///
    /// # Errors
    /// If one of them makes no sense.
    pub fn difference(&self, other: &Self) -> Result<Option<String>> {
        let table = |config: &Self| -> Result<toml::Table> {
            let config = Self { output: OutputConfig::default(), ..config.clone() };
            toml::from_str(&config.to_toml()?).map_err(|error| Error::input(error.to_string()))
        };
        Ok(first_difference("", &table(self)?, &table(other)?))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::input(format!("{}: expected a path ({error})", path.display())))
}

fn first_difference(prefix: &str, a: &toml::Table, b: &toml::Table) -> Option<String> {
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
        (Some(toml::Value::Table(a)), Some(toml::Value::Table(b))) => {
            first_difference(&format!("{prefix}{key}."), a, b)
        }
        (a, b) if a == b => None,
        (a, b) => {
            let shown = |value: Option<&toml::Value>| value.map_or("none".to_owned(), toml::Value::to_string);
            Some(format!("{prefix}{key}: expected {}, found {}", shown(a), shown(b)))
        }
    })
}
