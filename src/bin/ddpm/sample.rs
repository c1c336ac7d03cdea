//! `ddpm sample`: pictures from noise, in batches.

use std::path::PathBuf;
use std::time::Instant;

use ddpm::error::{Error, Result};
use ddpm::film::Film;
use ddpm::picture::{Grid, Raster};
use ddpm::sampler::{Frames, Sampler, SamplerOptions};

use crate::batches::{Batches, Drawn};
use crate::chain::{self, ChainArgs};
use crate::device::Device;
use crate::layout::LayoutArgs;
use crate::{Failure, Outcome, output, sets, tensors};

/// Frames of a film at most, and how long each and the last are shown, in hundredths of a second.
const FILM_FRAMES: u32 = 64;
const FRAME_TIME: u16 = 5;
const LAST_FRAME_TIME: u16 = 250;

/// Sample pictures from a model.
///
/// Picture i of a seed is the same whatever the batch, the count and the adapter.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    ddpm sample --model fashion-mnist-reference --count 64 --seed 7 --out grid.png\n  \
    ddpm sample --model fashion-mnist-reference --count 10000 --pictures samples --npz samples.npz\n  \
    ddpm sample --model fashion-mnist-classes --null-class 10 --label 9 --guidance 2 --sampler ddim --trajectory film.gif\n  \
    ddpm sample --model fashion-mnist-reference --sampler langevin --langevin-steps 5 --langevin-snr 0.3")]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,

    /// How many pictures.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,

    /// The index of the first picture: 16 goes on where --count 16 ended.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first_sample: u32,

    /// Pictures computed together [default: 16 on the CPU, 64 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

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

    #[command(flatten)]
    layout: LayoutArgs,
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    args.chain.check()?;
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
            output::check(path, extension, &[&args.chain.model])?;
        }
    }
    if let Some(path) = &args.pictures {
        output::check_new_folder(path)?;
    }
    let checkpoint = args.chain.load()?;
    let options = args.chain.options(&checkpoint, args.count)?;
    let options = SamplerOptions { first_sample: args.first_sample, ..options };
    let shape = chain::shape(&checkpoint, &options);
    let grid = args.layout.of(Grid::near_square(args.count, shape));
    if out.is_some() || args.trajectory.is_some() {
        grid.size()?;
    }
    if args.npz.is_some() {
        sets::check_channels(shape)?;
    }

    let gpu = device.gpu()?;
    let started = Instant::now();
    let batches = Batches {
        verb: "sample",
        gpu: &gpu,
        checkpoint: &checkpoint,
        options: &options,
        batch: args.batch,
        max_frames: if args.trajectory.is_some() { FILM_FRAMES } else { 0 },
    };
    let mut film = Vec::new();
    let Drawn { pictures, batch, steps, chain_time } = batches
        .draw(&mut |_, _| Ok(()), &mut |sampler, frames, first_ix| {
            keep_film(sampler, frames, &grid, first_ix, &mut film)
        })?;
    let seconds = started.elapsed().as_secs_f64();

    let mut written = Vec::new();
    if let Some(path) = &args.tensors {
        written.push((path, tensors::pictures(shape, &pictures)?));
    }
    if let Some(path) = &args.trajectory {
        written.push((path, encode_film(&film)?));
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
        let texts = |options: &SamplerOptions| texts(args, options);
        output::write_folder(path, sets::files(&options, shape, &pictures, texts))?;
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

/// What a PNG says of how what `options` ask for came about.
fn texts(args: &Args, options: &SamplerOptions) -> Vec<(&'static str, String)> {
    let mut texts = chain::texts(&args.chain, options);
    texts.push(("first_sample", options.first_sample.to_string()));
    texts.push(("count", options.count.to_string()));
    texts
}

/// Draws the x_t of a batch's kept frames into the frames of the film, from place `first_ix` on.
fn keep_film(
    sampler: &Sampler,
    frames: &Frames,
    grid: &Grid,
    first_ix: u32,
    film: &mut Vec<Raster>,
) -> Result<()> {
    for (ix, &kept) in frames.kept().iter().enumerate() {
        if ix == film.len() {
            film.push(grid.blank()?);
        }
        let pictures = pollster::block_on(frames.read(sampler, kept, 0))?;
        grid.place(&mut film[ix], first_ix, &pictures)?;
    }
    Ok(())
}

/// A GIF of `frames`.
fn encode_film(frames: &[Raster]) -> Result<Vec<u8>> {
    let Some((last, before)) = frames.split_last() else {
        return Err(Error::input("a film needs a frame"));
    };
    let mut film = Film::new(last)?;
    for frame in before {
        film.push(frame, FRAME_TIME)?;
    }
    film.push(last, LAST_FRAME_TIME)?;
    Ok(film.finish())
}
