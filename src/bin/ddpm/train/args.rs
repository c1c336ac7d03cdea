//! The options of `ddpm train`.

use std::path::PathBuf;

use clap::ValueEnum;
use ddpm::dataset::files::Source;
use ddpm::spec::LearningRateSchedule;
use ddpm::train::Preset;

use super::modes::{LossName, PredictionName, VarianceName};
use crate::model;

/// Train a network on pictures.
///
/// Everything goes into the folder RUN: config.toml (the whole run; --config reads it), metrics.jsonl and loss.svg,
/// samples/, state.safetensors (to go on from) and model.safetensors (what the other verbs and the page take). Ctrl-C
/// saves and stops; --resume goes on as if nothing had happened, to the bit.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    ddpm train --dataset fashion-mnist --preset tiny --out clothes\n  \
    ddpm train --dataset folder:photos --classes --size 32x32 --mirror --preset small --out photos-run --resume\n  \
    ddpm train --config clothes/config.toml --seed 2 --out clothes-2")]
pub struct Args {
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,

    /// Go on with the run in RUN, or begin it.
    #[arg(long)]
    pub resume: bool,

    /// Go on even with another configuration, other pictures, another adapter or vector unit than before.
    #[arg(long, requires = "resume")]
    pub force: bool,

    /// A network and settings that are known to learn: tiny (minutes on a CPU), small, cifar10 (the paper's)
    /// [default: small].
    #[arg(long, value_name = "PRESET", conflicts_with = "config")]
    pub preset: Option<Preset>,

    /// Take the whole run from this file; other options change it.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,

    /// Begin with this model's weights, and without a preset with its network.
    #[arg(long, value_name = "MODEL")]
    pub init: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataArgs,

    #[command(flatten)]
    pub training: TrainingArgs,

    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Pictures")]
pub struct DataArgs {
    /// fashion-mnist, mnist, cifar10 or folder:PATH.
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<Source>,

    /// The folder with the data set's files, if they are not in a usual place.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Width and height [default: the data set's, 32x32 of a folder].
    #[arg(long, value_name = "WxH", value_parser = model::parse_size)]
    pub size: Option<Size>,

    /// 1 for grey, 3 for RGB [default: the data set's, 3 of a folder].
    #[arg(long, value_name = "N", value_parser = clap::builder::PossibleValuesParser::new(["1", "3"]))]
    pub channels: Option<String>,

    /// Train with labels: the data set's, or a folder's sub-folders.
    #[arg(long, overrides_with = "no_classes")]
    pub classes: bool,

    /// Train without labels, the default.
    #[arg(long)]
    pub no_classes: bool,

    /// How often a label is left out, so that guidance works [default: 0.1].
    #[arg(long, value_name = "P")]
    pub label_dropout: Option<f64>,

    /// Mirror half of the pictures.
    #[arg(long, overrides_with = "no_mirror")]
    pub mirror: bool,

    /// Mirror none, the default of all presets but cifar10.
    #[arg(long)]
    pub no_mirror: bool,

    /// The share of a folder's pictures to validate on, rather than train; 0 is none [default: 0.05].
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,

    /// Leave out pictures of a folder that cannot be read.
    #[arg(long)]
    pub skip_bad: bool,
}

/// Height and width.
type Size = [u32; 2];

#[derive(clap::Args)]
#[command(next_help_heading = "Training (defaults: the preset's)")]
pub struct TrainingArgs {
    /// Steps of the whole run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,

    /// Pictures a step.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: Option<u32>,

    /// Pictures computed together, a divisor of the batch size [default: what fits --memory].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub micro_batch: Option<u32>,

    /// What the micro-batch is chosen to fit [default: 4 on the CPU, 8 on GPUs].
    #[arg(long, value_name = "GIB", value_parser = parse_memory)]
    pub memory: Option<f64>,

    /// What is minimised [default: mse]. The validation loss is the squared error of what is predicted, whatever this is.
    #[arg(long, value_enum)]
    pub loss: Option<LossName>,

    /// γ of min-SNR-γ weighting of the squared error, by which x_0's counts min(SNR, γ) times; 0 is none [default: 0].
    #[arg(long, value_name = "GAMMA")]
    pub min_snr: Option<f64>,

    /// What the network predicts [default: epsilon].
    #[arg(long, value_enum)]
    pub prediction: Option<PredictionName>,

    /// The variance of the reverse process; a learned one doubles the network's outputs [default: fixed_large].
    #[arg(long, value_enum)]
    pub variance: Option<VarianceName>,

    /// The learning rate after the warm-up.
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f64>,

    /// How the learning rate goes on after it.
    #[arg(long, value_enum)]
    pub schedule: Option<ScheduleName>,

    /// Steps over which the learning rate rises from 0.
    #[arg(long, value_name = "STEPS")]
    pub warmup: Option<u32>,

    /// Decay of the weights' moving average.
    #[arg(long, value_name = "DECAY")]
    pub ema: Option<f64>,

    /// The network's dropout.
    #[arg(long, value_name = "P")]
    pub dropout: Option<f32>,

    /// AdamW's weight decay.
    #[arg(long, value_name = "RATE")]
    pub weight_decay: Option<f64>,

    /// The longest that the gradient may be; 0 is no limit.
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f64>,

    /// The seed of everything that is drawn [default: 0].
    #[arg(long)]
    pub seed: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ScheduleName {
    /// It stays.
    Constant,
    /// It falls to 0 at the last step.
    Cosine,
}

impl From<ScheduleName> for LearningRateSchedule {
    fn from(name: ScheduleName) -> Self {
        match name {
            ScheduleName::Constant => Self::Constant,
            ScheduleName::Cosine => Self::Cosine,
        }
    }
}

#[derive(clap::Args)]
#[command(next_help_heading = "What is written when")]
pub struct OutputArgs {
    /// Steps between two saved states and models [default: 500].
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    pub save_every: Option<u32>,

    /// Steps between two sample grids and validation losses; 0 is none before the end [default: 500].
    #[arg(long, value_name = "STEPS")]
    pub sample_every: Option<u32>,

    /// Steps between two lines of metrics [default: 50].
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    pub log_every: Option<u32>,
}

fn parse_memory(text: &str) -> Result<f64, String> {
    let finite = text.parse().ok().filter(|&gib: &f64| gib > 0.0 && gib.is_finite());
    finite.ok_or_else(|| "expected a number of GiB above 0".to_owned())
}
