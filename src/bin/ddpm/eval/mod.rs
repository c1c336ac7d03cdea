//! `ddpm eval`: how good a model is, in bits per dimension.

mod folder;
mod frechet;
mod plot;
mod progress;
mod report;
mod state;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ddpm::checkpoint::Checkpoint;
use ddpm::dataset::files::{LoadOptions, Source, Split};
use ddpm::dataset::{Dataset, to_signed};
use ddpm::error::{Error, Result};
use ddpm::eval::{BoundTable, Strata};
use ddpm::schedule::Schedule;
use ddpm::spec::VarianceType;

use crate::device::Device;
use crate::tuning::tuned;
use crate::{Failure, Outcome, interrupt, model, pictures};
use folder::EvalFolder;
use progress::Evaluation;
use state::Origin;

/// Pictures where nobody says how many.
const CPU_COUNT: u32 = 64;
const GPU_COUNT: u32 = 512;
/// Pictures in a batch where nobody says how many.
const CPU_BATCH: u32 = 16;
const GPU_BATCH: u32 = 128;

/// Measure the variational bound of a model on pictures, in bits per dimension.
///
/// The bound is L_T + L_{T-1} + ... + L_0 (Ho et al. 2020, eq. 5), each term at one draw of x_t whose noise is the seed's, the
/// picture's and t's. With --out it comes with every term, and with the rates and distortions of the progressive code that it
/// is (figure 5): eval.json, terms.csv, rate-distortion.csv and rate-distortion.svg. Ctrl-C saves and stops.
///
/// With --frechet it is the distance between two sets of pictures instead, by the features of a network of your own.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    ddpm eval --model clothes/model.safetensors --dataset fashion-mnist --out clothes-eval\n  \
    ddpm eval --model google-ddpm-cifar10-32 --dataset cifar10 --count 2000 --timesteps 100 --variance fixed_small\n  \
    ddpm eval --frechet samples.npz cifar10 --features inception.onnx")]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL", required_unless_present = "frechet")]
    model: Option<PathBuf>,

    /// fashion-mnist, mnist, cifar10 or folder:PATH; its test split, in its order.
    #[arg(long, value_name = "DATASET", required_unless_present = "frechet")]
    dataset: Option<Source>,

    /// The folder with the data set's files, if they are not in a usual place.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Evaluate on the pictures to train on rather than on those to test on.
    #[arg(long)]
    train_split: bool,

    /// How many pictures, the first of the split [default: 64 on the CPU, 512 on GPUs], or of each set [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,

    /// Evaluate at t = 0 and at one t drawn from each of N - 1 ranges, a picture's own, rather than at all t.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    timesteps: Option<u32>,

    /// The seed of the noise and of drawn timesteps.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Evaluate with this fixed variance rather than the model's.
    #[arg(long, value_enum)]
    variance: Option<FixedVariance>,

    /// Evaluate a model with classes without them, by its null class.
    #[arg(long)]
    unlabelled: bool,

    /// The label that stands for none, where the model does not say so itself.
    #[arg(long, value_name = "LABEL")]
    null_class: Option<u32>,

    /// Pictures computed together [default: 16 on the CPU, 128 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// The folder for what is found, and what an evaluation that was stopped goes on from.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on with the evaluation in DIR, or begin it.
    #[arg(long, requires = "out")]
    resume: bool,

    #[command(flatten)]
    frechet: frechet::Args,
}

#[derive(Clone, Copy, ValueEnum)]
enum FixedVariance {
    #[value(name = "fixed_small")]
    Small,
    #[value(name = "fixed_large")]
    Large,
}

impl From<FixedVariance> for VarianceType {
    fn from(variance: FixedVariance) -> Self {
        match variance {
            FixedVariance::Small => Self::FixedSmall,
            FixedVariance::Large => Self::FixedLarge,
        }
    }
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    match (&args.frechet.frechet, &args.model, &args.dataset) {
        (Some(sets), _, _) => frechet::run(&args.frechet, sets, args.data.as_deref(), args.count),
        (None, Some(model), Some(dataset)) => bound(args, model, dataset, device),
        _ => Err(Failure::Usage("expected --model and --dataset, or --frechet and --features".to_owned())),
    }
}

/// The bound of the model at `model` on pictures of `source`.
fn bound(args: &Args, model: &Path, source: &Source, device: &Device) -> Outcome {
    let folder = args.out.as_deref().map(EvalFolder::new);
    let saved = match &folder {
        Some(folder) => folder.check(args.resume)?,
        None => None,
    };
    let mut checkpoint = model::load(model)?;
    model::set_null_class(&mut checkpoint, args.null_class)?;
    if let Some(variance) = args.variance {
        if checkpoint.diffusion.variance_type.is_learned() {
            return Err(Failure::Error(Error::input(
                "--variance: expected a model with a fixed variance, found one that has learned its own",
            )));
        }
        checkpoint.diffusion.variance_type = variance.into();
    }
    let num_timesteps = checkpoint.diffusion.num_timesteps;
    let strata = Strata::new(num_timesteps, args.timesteps.unwrap_or(num_timesteps))
        .map_err(|error| Failure::Error(error.within("--timesteps")))?;
    let (dataset, notes) = load(args, source, &checkpoint)?;

    let gpu = device.gpu()?;
    let (count, batch) = if gpu.adapter().cpu { (CPU_COUNT, CPU_BATCH) } else { (GPU_COUNT, GPU_BATCH) };
    let count = match args.count {
        None => count.min(dataset.num_pictures()),
        Some(count) if count <= dataset.num_pictures() => count,
        Some(count) => {
            return Err(Error::input(format!(
                "--count {count}: expected at most {}, the pictures of the split",
                dataset.num_pictures()
            ))
            .into());
        }
    };
    let x_start: Vec<f32> =
        (0..count).flat_map(|ix| dataset.picture(ix).iter().map(|&byte| to_signed(byte))).collect();
    let labels = labels(args, source, &checkpoint, &dataset, count)?;
    let origin = Origin {
        model: state::fingerprint(&checkpoint)?,
        pictures: state::checksum(&x_start),
        labels: labels.as_deref().map(state::checksum),
        count,
        timesteps: strata.ranges().len() as u32,
        seed: args.seed,
        variance: checkpoint.diffusion.variance_type,
    };
    let state = match saved {
        Some(saved) => saved.check(&origin)?,
        None => state::State::new(origin, args.batch.unwrap_or(batch).min(count)),
    };
    for note in notes {
        // Notes that nobody can read do not matter.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("ddpm eval: {note}\n").as_bytes());
    }
    if let Some(folder) = &folder {
        folder.prepare(&state)?;
        interrupt::listen("eval")?;
    }
    let gpu = tuned(&gpu, &checkpoint, state.batch)?;
    let evaluation = Evaluation {
        gpu: &gpu,
        checkpoint: &checkpoint,
        x_start: &x_start,
        labels: labels.as_deref(),
        strata: &strata,
        folder: folder.as_ref(),
    };
    let terms = evaluation.run(state)?;
    let table = BoundTable::new(&Schedule::new(&checkpoint.diffusion)?, strata, &x_start, terms);
    let about = report::About {
        model: model::name(model),
        dataset: pictures::name(source),
        split: if args.train_split { "train" } else { "test" },
        labelled: labels.is_some() && !args.unlabelled,
        seed: args.seed,
        variance: checkpoint.diffusion.variance_type,
        clipped: checkpoint.diffusion.clip_sample,
        adapter: gpu.adapter().name.clone(),
    };
    let mut text = report::text(&about, &table);
    if let Some(folder) = &folder {
        folder.write_results(&about, &table)?;
        text.push_str(&format!("\n{}", folder.path().display()));
    }
    Ok(text)
}

/// The pictures of the split, as the network wants them, and what is to be said of them.
fn load(args: &Args, source: &Source, checkpoint: &Checkpoint) -> Result<(Dataset, Vec<String>)> {
    let options = LoadOptions {
        split: if args.train_split { Split::Train } else { Split::Test },
        data: args.data.clone(),
        size: Some(checkpoint.unet.sample_size),
        channels: Some(checkpoint.unet.in_channels),
        classes: checkpoint.unet.num_class_embeds.is_some() && !args.unlabelled,
        ..LoadOptions::default()
    };
    pictures::load(source, &options)
}

/// The label that each of the first `count` pictures is evaluated with.
fn labels(
    args: &Args,
    source: &Source,
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    count: u32,
) -> Result<Option<Vec<u32>>> {
    let Some(rows) = checkpoint.unet.num_class_embeds else {
        return match args.unlabelled {
            true => Err(Error::input("--unlabelled: expected a model with classes, found one without")),
            false => Ok(None),
        };
    };
    if args.unlabelled {
        let null_class = checkpoint.metadata.null_class.ok_or_else(|| {
            Error::input("--unlabelled: expected a model with a null class, found none: say --null-class")
        })?;
        return Ok(Some(vec![null_class; count as usize]));
    }
    let Some(labels) = dataset.labels() else {
        return Err(Error::input(format!(
            "{}: expected pictures with labels, as the model has classes; --unlabelled does without",
            source
        )));
    };
    let labels = labels[..count as usize].to_vec();
    match labels.iter().find(|&&label| label >= rows) {
        Some(label) => {
            Err(Error::input(format!("{}: expected labels below {rows}, the model's, found {label}", source)))
        }
        None => Ok(Some(labels)),
    }
}
