//! `ddpm sample`: pictures from noise, in batches.

mod batches;
mod sets;

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use ddpm::checkpoint::Checkpoint;
use ddpm::diffusion::PredNoise;
use ddpm::error::Result;
use ddpm::picture::Grid;
use ddpm::sampler::{Conditioning, Method, SamplerOptions};

use batches::{Batches, Drawn};

use crate::{Failure, Outcome, model, output, tensors};

/// Sample pictures from a model.
///
/// Picture i of a seed is the same whatever the batch, the count and the adapter.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    ddpm sample --model fashion-mnist-reference --count 64 --seed 7 --out grid.png\n  \
    ddpm sample --model fashion-mnist-reference --count 10000 --pictures samples --npz samples.npz\n  \
    ddpm sample --model fashion-mnist-classes --null-class 10 --label 9 --guidance 2 --sampler ddim --trajectory film.gif")]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,

    /// How many pictures.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,

    /// The seed of all noise.
    #[arg(long, default_value_t = 7)]
    seed: u64,

    /// The kind of chain: ancestral sampling (Algorithm 2) or DDIM.
    #[arg(long, value_enum, default_value = "ddpm")]
    sampler: SamplerName,

    /// Steps of the chain [default: all the model was trained with for ddpm, 50 for ddim].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,

    /// DDIM's share of noise: 0 is deterministic, 1 as noisy as DDPM.
    #[arg(long, default_value_t = 0.0, value_parser = parse_eta)]
    eta: f64,

    /// The predicted noise that a DDIM step goes on with where the predicted picture was clipped: derived again from
    /// the clipped picture, or the network's own (diffusers' default).
    #[arg(long, value_enum, default_value = "rederived")]
    pred_noise: PredNoiseName,

    /// The class of all pictures, by number or name [default: the null class, or each class in turn].
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Classifier-free guidance: the noise is (1 - W) of the null class's and W of the label's.
    #[arg(long, value_name = "W", requires = "label", allow_negative_numbers = true)]
    guidance: Option<f64>,

    /// The label that stands for none, where the model does not say so itself.
    #[arg(long, value_name = "LABEL")]
    null_class: Option<u32>,

    /// The index of the first picture: 16 goes on where --count 16 ended.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first_sample: u32,

    /// Pictures computed together [default: 16 on a CPU adapter, 64 on others].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// Width and height of the pictures, if not the model's own.
    #[arg(long, value_name = "WxH", value_parser = model::parse_size)]
    size: Option<Size>,

    /// The grid of pictures to write [default: grid.png, unless something else is to be written].
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,

    /// Write the pictures as `pictures`, F32, [N, C, H, W] in [-1, 1].
    #[arg(long, value_name = "FILE.safetensors")]
    tensors: Option<PathBuf>,

    /// Write each picture as a PNG in this new or empty folder, named by its index: 000000.png. Tools that measure sample
    /// sets (FID) take such folders.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,

    /// Write the pictures as `arr_0`, uint8, [N, H, W, 3], and their labels, if they have some, as `arr_1`, as
    /// guided-diffusion's evaluator and numpy take them.
    #[arg(long, value_name = "FILE.npz")]
    npz: Option<PathBuf>,

    /// Write an animated film of the chain, from noise to the pictures.
    #[arg(long, value_name = "FILE.gif")]
    trajectory: Option<PathBuf>,

    /// Each pixel becomes N x N of them in the grid and the film.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: u32,

    /// Pixels between two pictures, before scaling.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=64))]
    gap: u32,
}

/// Height and width.
type Size = [u32; 2];

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum SamplerName {
    Ddpm,
    Ddim,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum PredNoiseName {
    Rederived,
    Network,
}

fn parse_eta(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|eta| (0.0..=1.0).contains(eta)).ok_or_else(|| "expected 0 to 1".to_owned())
}

pub fn run(args: &Args, adapter: Option<&str>) -> Outcome {
    let ddim_only = args.eta != 0.0 || args.pred_noise != PredNoiseName::Rederived;
    if args.sampler == SamplerName::Ddpm && ddim_only {
        return Err(Failure::Usage("--eta and --pred-noise are DDIM's: add --sampler ddim".to_owned()));
    }
    if args.first_sample.checked_add(args.count).is_none() {
        return Err(Failure::Usage(format!(
            "--first-sample {} and --count {}: expected a sum below 2^32",
            args.first_sample, args.count
        )));
    }
    let others = [&args.tensors, &args.trajectory, &args.pictures, &args.npz];
    let default_out = others.iter().all(|path| path.is_none()).then(|| PathBuf::from("grid.png"));
    let out = args.out.clone().or(default_out);
    let files =
        [(&out, "png"), (&args.tensors, "safetensors"), (&args.trajectory, "gif"), (&args.npz, "npz")];
    for (path, extension) in files {
        if let Some(path) = path {
            output::check(path, extension, &[&args.model])?;
        }
    }
    if let Some(path) = &args.pictures {
        output::check_new_folder(path)?;
    }
    let mut checkpoint = model::load(&args.model)?;
    model::set_null_class(&mut checkpoint, args.null_class)?;
    let options = options(args, &checkpoint)?;
    let [height, width] = options.size.unwrap_or(checkpoint.unet.sample_size);
    let shape = [checkpoint.unet.in_channels, height, width];
    let grid = Grid { gap: args.gap, scale: args.scale, ..Grid::near_square(args.count, shape) };
    grid.size()?;
    if args.npz.is_some() {
        sets::check_channels(shape)?;
    }

    let gpu = crate::gpu(adapter)?;
    let started = Instant::now();
    let film = args.trajectory.as_ref().map(|_| grid);
    let batches = Batches { gpu: &gpu, checkpoint: &checkpoint, options: &options, batch: args.batch, film };
    let Drawn { pictures, film, batch, steps, chain_time } = batches.draw()?;
    let seconds = started.elapsed().as_secs_f64();

    let mut written = Vec::new();
    if let Some(path) = &args.tensors {
        let shape = [args.count, shape[0], height, width].map(|side| side as usize);
        written.push((path, tensors::to_bytes("pictures", &shape, &pictures)?));
    }
    if let Some(path) = &args.trajectory {
        written.push((path, batches::encode_film(&film)?));
    }
    if let Some(path) = &out {
        written.push((path, output::png(&grid.draw(&pictures)?, &texts(args, &options))?));
    }
    if let Some(path) = &args.npz {
        written.push((path, sets::npz(&checkpoint, &options, shape, &pictures)?));
    }
    for (path, bytes) in &written {
        output::write(path, bytes)?;
    }
    let mut names: Vec<String> = written.iter().map(|(path, _)| path.display().to_string()).collect();
    if let Some(path) = &args.pictures {
        output::write_folder(path, sets::files(args, &options, shape, &pictures))?;
        names.push(path.display().to_string());
    }
    Ok(format!(
        "{} pictures in {seconds:.1} s, {:.2} steps/s in batches of {batch}, on {}: {}",
        args.count,
        f64::from(steps) / chain_time.as_secs_f64(),
        gpu.adapter().name,
        names.join(", ")
    ))
}

/// What is asked for, as far as it can be said without an adapter: `count` is that of the whole.
fn options(args: &Args, checkpoint: &Checkpoint) -> Result<SamplerOptions> {
    let num_timesteps = checkpoint.diffusion.num_timesteps;
    let (method, steps) = match args.sampler {
        SamplerName::Ddpm => (Method::Ddpm, num_timesteps),
        SamplerName::Ddim => {
            let pred_noise = match args.pred_noise {
                PredNoiseName::Rederived => PredNoise::FromClippedXStart,
                PredNoiseName::Network => PredNoise::FromNetwork,
            };
            (Method::Ddim { eta: args.eta, pred_noise }, num_timesteps.min(50))
        }
    };
    let label = args.label.as_deref().map(|text| model::label(checkpoint, text)).transpose()?;
    Ok(SamplerOptions {
        count: args.count,
        first_sample: args.first_sample,
        seed: args.seed,
        method,
        steps: args.steps.unwrap_or(steps),
        conditioning: Conditioning { label, guidance: args.guidance },
        size: args.size,
    })
}

/// What a PNG says of how what `options` ask for came about.
fn texts(args: &Args, options: &SamplerOptions) -> Vec<(&'static str, String)> {
    let (sampler, eta) = match options.method {
        Method::Ddpm => ("ddpm", None),
        Method::Ddim { eta, .. } => ("ddim", Some(eta)),
    };
    let Conditioning { label, guidance } = options.conditioning;
    let always = [
        ("model", model::name(&args.model)),
        ("seed", options.seed.to_string()),
        ("first_sample", options.first_sample.to_string()),
        ("count", options.count.to_string()),
        ("sampler", sampler.to_owned()),
        ("steps", options.steps.to_string()),
    ];
    let sometimes = [
        ("eta", eta.map(|eta| eta.to_string())),
        ("label", label.map(|label| label.to_string())),
        ("guidance", guidance.map(|guidance| guidance.to_string())),
    ];
    always.into_iter().chain(sometimes.into_iter().filter_map(|(key, text)| Some((key, text?)))).collect()
}
