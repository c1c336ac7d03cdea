//! From the command line, and the run that may be there, to the run that is wanted.

use ddpm::checkpoint::Checkpoint;
use ddpm::dataset::files::Source;
use ddpm::error::Error;
use ddpm::train::{DataConfig, Preset, RunConfig};

use super::args::Args;
use super::folder::RunFolder;
use crate::{Failure, model};

/// C, H and W of a folder's pictures where nobody says.
const FOLDER_SHAPE: [u32; 3] = [3, 32, 32];

/// A run, as far as it can be told without its pictures and an adapter.
pub struct Request {
    pub config: RunConfig,
    /// The model that it begins with, if it is yet to begin with one.
    pub init: Option<Checkpoint>,
    /// What the run in the folder was, if there is one.
    pub saved: Option<RunConfig>,
}

impl Request {
    /// Reads the options, and the files that they name.
    pub fn new(args: &Args, folder: &RunFolder) -> Result<Self, Failure> {
        let saved = folder.check(args.resume)?;
        let names_a_run = args.data.dataset.is_some()
            || args.preset.is_some()
            || args.config.is_some()
            || args.init.is_some();
        let mut config = match (&args.config, &saved) {
            (Some(path), _) => read_config(path)?,
            (None, Some(saved)) if !names_a_run => saved.clone(),
            _ => fresh(args)?,
        };
        if let Some(init) = &args.init {
            config.init = Some(init.clone());
        }
        apply(args, &mut config);
        config.make_absolute()?;
        let same_batch = |saved: &&RunConfig| saved.training.batch_size == config.training.batch_size;
        if let (0, Some(saved)) = (config.training.micro_batch, saved.as_ref().filter(same_batch)) {
            config.training.micro_batch = saved.training.micro_batch;
        }
        config.validate()?;
        // A state has what came of the weights that it began with.
        let begins = !(saved.is_some() && folder.state().is_file());
        let init = config.init.as_deref().filter(|_| begins).map(model::load).transpose()?;
        Ok(Self { config, init, saved })
    }
}

fn read_config(path: &std::path::Path) -> Result<RunConfig, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))?;
    RunConfig::from_toml(&text).map_err(|error| error.within(path.display()))
}

/// A run of a preset, or of a model's network.
fn fresh(args: &Args) -> Result<RunConfig, Failure> {
    let Some(source) = &args.data.dataset else {
        return Err(Failure::Usage(
            "expected --dataset, or --config with a whole run, found neither".to_owned(),
        ));
    };
    let [channels, height, width] = shape(args, source);
    let mut config = RunConfig::from_preset(
        args.preset.unwrap_or(Preset::Small),
        DataConfig::new(source.clone()),
        [channels, height, width],
    );
    // To be chosen.
    config.training.micro_batch = 0;
    if let Some(path) = &args.init {
        let init = model::load(path)?;
        if args.preset.is_none() {
            config.network = init.unet;
            config.network.num_class_embeds = None;
        }
        config.diffusion = init.diffusion;
        if args.preset.is_some() {
            config.network.out_channels = config.diffusion.outputs(config.network.in_channels);
        }
    }
    Ok(config)
}

fn shape(args: &Args, source: &Source) -> [u32; 3] {
    let [channels, height, width] = source.shape().unwrap_or(FOLDER_SHAPE);
    let [height, width] = args.data.size.unwrap_or([height, width]);
    [channels_of(args).unwrap_or(channels), height, width]
}

fn channels_of(args: &Args) -> Option<u32> {
    args.data.channels.as_deref().and_then(|text| text.parse().ok())
}

/// Puts `value`, if there is one, in `place`.
fn set<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// What the options say, over what the configuration says.
fn apply(args: &Args, config: &mut RunConfig) {
    let given = &args.training;
    let (data, network, diffusion, training, output) = (
        &mut config.data,
        &mut config.network,
        &mut config.diffusion,
        &mut config.training,
        &mut config.output,
    );
    set(&mut data.dataset, &args.data.dataset);
    if args.data.data.is_some() {
        data.data.clone_from(&args.data.data);
    }
    if args.data.classes || args.data.no_classes {
        data.classes = args.data.classes;
        network.num_class_embeds = None;
    }
    set(&mut data.label_dropout, &args.data.label_dropout);
    if args.data.mirror || args.data.no_mirror {
        data.mirror = args.data.mirror;
    }
    set(&mut data.held_out, &args.data.held_out);
    data.skip_bad |= args.data.skip_bad;
    // A preset has rounded its size up.
    let multiple = network.size_multiple();
    set(
        &mut network.sample_size,
        &args.data.size.map(|size| size.map(|side| side.next_multiple_of(multiple))),
    );
    if let Some(channels) = channels_of(args) {
        network.in_channels = channels;
    }
    set(&mut diffusion.prediction_type, &given.prediction.map(Into::into));
    set(&mut diffusion.variance_type, &given.variance.map(Into::into));
    if channels_of(args).is_some() || given.variance.is_some() {
        network.out_channels = diffusion.outputs(network.in_channels);
    }
    set(&mut network.dropout, &args.training.dropout);

    if given.batch_size.is_some() || given.micro_batch.is_some() {
        training.micro_batch = given.micro_batch.unwrap_or(0);
    }
    set(&mut training.steps, &given.steps);
    set(&mut training.batch_size, &given.batch_size);
    set(&mut training.loss, &given.loss.map(Into::into));
    if let Some(gamma) = given.min_snr {
        training.min_snr_gamma = Some(gamma).filter(|&gamma| gamma != 0.0);
    }
    set(&mut training.learning_rate, &given.lr);
    set(&mut training.schedule, &given.schedule.map(Into::into));
    set(&mut training.warmup_steps, &given.warmup);
    set(&mut training.ema_decay, &given.ema);
    set(&mut training.weight_decay, &given.weight_decay);
    if let Some(clip) = given.clip {
        training.max_grad_norm = Some(clip).filter(|&clip| clip != 0.0);
    }
    set(&mut training.seed, &given.seed);
    set(&mut output.save_every, &args.output.save_every);
    set(&mut output.sample_every, &args.output.sample_every);
    set(&mut output.log_every, &args.output.log_every);
}
