//! `ddpm edit`: a picture noised part of the way and denoised again, all of it or what a mask leaves open.

use std::path::{Path, PathBuf};

use ddpm::dataset::files::PictureFile;
use ddpm::error::{Error, Result};
use ddpm::picture::Grid;
use ddpm::sampler::SamplerOptions;

use crate::batches::Batches;
use crate::chain::{self, ChainArgs};
use crate::device::Device;
use crate::layout::LayoutArgs;
use crate::{Outcome, output, tensors};

/// Noise a picture to some strength and denoise it again; with --mask, paint a part of it anew.
///
/// The strength is the part of the chain that is run: 0 returns the picture (cut and scaled to the model's size), 1 begins
/// with nearly pure noise. Where the mask is white the picture is painted anew, where it is black it stays: at every step
/// that part is the picture itself with the step's noise.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    ddpm edit --model fashion-mnist-reference --input shoe.png --strength 0.5 --count 8 --out variants.png\n  \
    ddpm edit --model fashion-mnist-reference --input shirt.png --mask sleeves.png --sampler ddim --eta 1 --resample 4 --out repainted.png")]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,

    /// The picture: PNG, JPEG, GIF, WebP or BMP, cut and scaled to the model's size.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// How much of the picture gives way to noise, from 0 to 1 [default: 0.5, or 1 with --mask].
    #[arg(long, value_name = "S", value_parser = parse_strength)]
    strength: Option<f64>,

    /// What to paint anew: a picture of the input's size, white there and black where the input stays.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,

    /// With --mask, take every step so often, noised back in between, so that what is new fits what stays (RePaint).
    #[arg(long, value_name = "N", default_value_t = 1, requires = "mask", value_parser = clap::value_parser!(u32).range(1..=i64::from(ddpm::schedule::MAX_UPDATES)))]
    resample: u32,

    /// How many variants.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,

    /// Pictures computed together [default: 16 on the CPU, 64 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// The grid of variants to write.
    #[arg(long, value_name = "FILE.png", default_value = "edit.png")]
    out: PathBuf,

    /// Write them as `pictures` too, F32, [N, C, H, W] in [-1, 1].
    #[arg(long, value_name = "FILE.safetensors")]
    tensors: Option<PathBuf>,

    #[command(flatten)]
    layout: LayoutArgs,
}

fn parse_strength(text: &str) -> std::result::Result<f64, String> {
    let strength = text.parse().ok().filter(|strength| (0.0..=1.0).contains(strength));
    strength.ok_or_else(|| "expected 0 to 1".to_owned())
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    args.chain.check()?;
    let mut inputs: Vec<&Path> = vec![&args.chain.model, &args.input];
    inputs.extend(args.mask.as_deref());
    output::check(&args.out, "png", &inputs)?;
    if let Some(path) = &args.tensors {
        output::check(path, "safetensors", &inputs)?;
    }
    let checkpoint = args.chain.load()?;
    let options = SamplerOptions { resample: args.resample, ..args.chain.options(&checkpoint, args.count)? };
    options.chain(&checkpoint.diffusion)?;
    let shape = chain::shape(&checkpoint, &options);
    let grid = args.layout.of(Grid::near_square(args.count, shape));
    grid.size()?;
    let [channels, height, width] = shape;
    let input = PictureFile::read(&args.input)?;
    let mask = match &args.mask {
        Some(path) => Some(read_mask(path, input.size(), [height, width])?),
        None => None,
    };
    let picture = input.fit(channels, [height, width])?;
    let strength = args.strength.unwrap_or(if mask.is_some() { 1.0 } else { 0.5 });

    let gpu = device.gpu()?;
    let batches = Batches {
        verb: "edit",
        gpu: &gpu,
        checkpoint: &checkpoint,
        options: &options,
        batch: args.batch,
        max_frames: 0,
    };
    let mut steps = 0;
    let drawn = batches.draw(
        &mut |sampler, _| {
            let pictures = picture.repeat(sampler.count() as usize);
            // At most all steps, as the strength is at most 1.
            steps = (strength * f64::from(sampler.steps_total())).round() as u32;
            let before = sampler.steps_total() - steps;
            if before > 0 {
                sampler.start_from(&pictures, before)?;
            }
            match &mask {
                Some(mask) => sampler.inpaint(&pictures, mask),
                None => Ok(()),
            }
        },
        &mut |_, _, _| Ok(()),
    )?;

    let mut texts = chain::texts(&args.chain, &options);
    texts.push(("input", crate::model::name(&args.input)));
    texts.push(("strength", strength.to_string()));
    if args.resample > 1 {
        texts.push(("resample", args.resample.to_string()));
    }
    texts.extend(args.mask.as_deref().map(|mask| ("mask", crate::model::name(mask))));
    let mut written = vec![(&args.out, output::png(&grid.draw(&drawn.pictures)?, &texts)?)];
    if let Some(path) = &args.tensors {
        written.push((path, tensors::pictures(shape, &drawn.pictures)?));
    }
    for (path, bytes) in &written {
        output::write(path, bytes)?;
    }
    Ok(format!(
        "{}: {} of {} at strength {strength}, {steps} steps each, on {}",
        args.out.display(),
        match args.count {
            1 => "a variant".to_owned(),
            count => format!("{count} variants"),
        },
        args.input.display(),
        gpu.adapter().name
    ))
}

/// `[H, W]` of `size`, 1 where the picture of `input_size` is to be painted anew and 0 where it stays.
fn read_mask(path: &Path, input_size: [u32; 2], size: [u32; 2]) -> Result<Vec<f32>> {
    let mask = PictureFile::read(path)?;
    if mask.size() != input_size {
        let [[height, width], [found_height, found_width]] = [input_size, mask.size()];
        return Err(Error::input(format!(
            "{}: expected a mask of {width} x {height} pixels, as the input has, found {found_width} x {found_height}",
            path.display()
        )));
    }
    Ok(mask.fit(1, size)?.into_iter().map(|grey| if grey >= 0.0 { 1.0 } else { 0.0 }).collect())
}
