//! `ddpm noise`: the forward process, seen.

use std::path::{Path, PathBuf};

use ddpm::dataset::files::decode;
use ddpm::error::{Error, Result};
use ddpm::gpu::{GpuContext, Recorder};
use ddpm::graph::Tensor;
use ddpm::ops::chain::{Chain, Picture};
use ddpm::ops::q_sample::{self, ForwardBuffers};
use ddpm::ops::{to_channels_first, to_channels_last};
use ddpm::picture::Grid;
use ddpm::schedule::Schedule;
use ddpm::spec::DiffusionSpec;
use image::{DynamicImage, imageops::FilterType};

use crate::device::Device;
use crate::{Outcome, model, output};

/// Show a picture at some t of the forward process, as a strip.
///
/// The first tile is the picture itself, each other a draw of q(x_t | x_0), which holds t + 1 steps of noise. The noise
/// is drawn on the adapter (shaders/q_sample.wgsl) and depends on the seed and on t alone.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm noise --image cat.png --size 128x128 --t 0,100,250,500,999 --out strip.png"
)]
pub struct Args {
    /// The picture: PNG, JPEG, GIF, WebP or BMP. Grey stays grey, and what is transparent lies over white.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,

    /// Timesteps, each t holding t + 1 steps of noise [default: 0,T/10,T/4,T/2,T-1].
    #[arg(long, value_name = "T,T,...", value_delimiter = ',')]
    t: Option<Vec<u32>>,

    /// The seed of the noise.
    #[arg(long, default_value_t = 7)]
    seed: u64,

    /// Take the schedule of this model rather than the paper's.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,

    /// Crop and scale the picture to this width and height first.
    #[arg(long, value_name = "WxH", value_parser = model::parse_size)]
    size: Option<Size>,

    /// The strip to write.
    #[arg(long, value_name = "FILE.png", default_value = "strip.png")]
    out: PathBuf,

    /// Each pixel becomes N x N of them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: u32,

    /// Pixels between two tiles, before scaling.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=64))]
    gap: u32,
}

/// Height and width.
type Size = [u32; 2];

/// Elements of a picture at most: what one dispatch covers.
const MAX_ELEMENTS: u64 = 65_535 * 64 * 4;

/// x_0.
struct Start {
    /// C, H and W.
    shape: [u32; 3],
    /// `[C, H, W]` in [−1, 1].
    values: Vec<f32>,
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    output::check(&args.out, "png", &[&args.image])?;
    let spec = match &args.model {
        Some(path) => model::load(path)?.diffusion,
        None => DiffusionSpec::default(),
    };
    let last = spec.num_timesteps - 1;
    let timesteps = args.t.clone().unwrap_or_else(|| {
        vec![0, spec.num_timesteps / 10, spec.num_timesteps / 4, spec.num_timesteps / 2, last]
    });
    if let Some(t) = timesteps.iter().find(|&&t| t > last) {
        return Err(
            Error::input(format!("--t {t}: expected 0 to {last}, the timesteps of the schedule")).into()
        );
    }
    let start = read_picture(&args.image, args.size)?;
    let strip = Grid::strip(timesteps.len() as u32 + 1, start.shape);
    let strip = Grid { gap: args.gap, scale: args.scale, ..strip };
    strip.size()?;

    let gpu = device.gpu()?;
    let mut tiles = start.values.clone();
    tiles.extend(forward(&gpu, &spec, &start, args.seed, &timesteps)?);
    let list = |numbers: &mut dyn Iterator<Item = u32>| {
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    };
    let t_list = list(&mut timesteps.iter().copied());
    let texts = [("image", model::name(&args.image)), ("seed", args.seed.to_string()), ("t", t_list.clone())];
    output::write(&args.out, &output::png(&strip.draw(&tiles)?, &texts)?)?;
    Ok(format!(
        "{}: the picture, then {} steps of noise (t = {t_list}, each with t + 1 steps of noise), on {}",
        args.out.display(),
        list(&mut timesteps.iter().map(|t| t + 1)),
        gpu.adapter().name
    ))
}

/// Reads a picture as its Exif says it stands, cropped and scaled to `size` (height, width).
fn read_picture(path: &Path, size: Option<Size>) -> Result<Start> {
    let image = decode(path)?;
    let channels: u32 = if image.color().has_color() { 3 } else { 1 };
    let [height, width] = size.unwrap_or([image.height(), image.width()]);
    let elements = (u64::from(width) * u64::from(height)).saturating_mul(channels.into());
    if elements == 0 || elements > MAX_ELEMENTS {
        return Err(Error::input(format!(
            "{}: expected a picture of 1 to {MAX_ELEMENTS} values, found {width} x {height} x {channels}; --size scales it",
            path.display()
        )));
    }
    let image = match size {
        Some(size) => crop(&image, size).resize_exact(width, height, FilterType::Lanczos3),
        None => image,
    };
    let plane = width as usize * height as usize;
    let mut values = vec![0.0; plane * channels as usize];
    // Sixteen bits hold what eight bits held exactly.
    let mut set = |ix: usize, colours: &[u16], alpha: u16| {
        for (channel, colour) in colours.iter().enumerate() {
            let [colour, alpha] = [*colour, alpha].map(|value| f32::from(value) / 65535.0);
            values[channel * plane + ix] = 2.0 * (colour * alpha + (1.0 - alpha)) - 1.0;
        }
    };
    if channels == 3 {
        for (ix, pixel) in image.to_rgba16().pixels().enumerate() {
            set(ix, &pixel.0[..3], pixel.0[3]);
        }
    } else {
        for (ix, pixel) in image.to_luma_alpha16().pixels().enumerate() {
            set(ix, &pixel.0[..1], pixel.0[1]);
        }
    }
    Ok(Start { shape: [channels, height, width], values })
}

/// The middle of `image` with the proportions of `size` (height, width), as large as it can be.
fn crop(image: &DynamicImage, [height, width]: Size) -> DynamicImage {
    let (full_width, full_height) = (u64::from(image.width()), u64::from(image.height()));
    let (width, height) = (u64::from(width), u64::from(height));
    let cut_width = (full_height * width / height).clamp(1, full_width);
    let cut_height = (full_width * height / width).clamp(1, full_height);
    let (left, top) = ((full_width - cut_width) / 2, (full_height - cut_height) / 2);
    // None is more than the picture's side, which is a u32.
    let [left, top, cut_width, cut_height] = [left, top, cut_width, cut_height].map(|side| side as u32);
    image.crop_imm(left, top, cut_width, cut_height)
}

/// x_t of `start` at each of `timesteps`: `[timesteps, C, H, W]`.
fn forward(
    gpu: &GpuContext,
    spec: &DiffusionSpec,
    start: &Start,
    seed: u64,
    timesteps: &[u32],
) -> Result<Vec<f32>> {
    let [channels, height, width] = start.shape;
    let tensor = Tensor { name: "picture".to_owned(), height, width, segments: vec![channels] };
    let picture = Picture {
        plane: tensor.pixels(),
        channels,
        stride: tensor.quads() * 4,
        samples: 1,
        copies: 1,
        shared_noise: false,
    };
    let words = u64::from(picture.plane) * u64::from(picture.stride);
    let schedule = Schedule::new(spec)?;
    let scales = schedule.sqrt_alphas_cumprod.iter().zip(&schedule.sqrt_one_minus_alphas_cumprod);
    let coefficients: Vec<[f32; 2]> = scales.map(|(signal, noise)| [*signal as f32, *noise as f32]).collect();

    // Every tile is sample 0 of its own t, so that it does not depend on the others.
    let buffers = ForwardBuffers {
        chain: &gpu.buffer_with("chain", &[Chain::new(0, seed, 0)])?,
        x_start: &gpu.buffer_with("x_start", &to_channels_last(&tensor, &start.values))?,
        timesteps: &gpu.buffer("timesteps", 1)?,
        coefficients: &gpu.buffer_with("coefficients", &coefficients)?,
        x_t: &gpu.buffer("x_t", words)?,
        noise: &gpu.buffer("noise", words)?,
    };
    let mut rec = Recorder::new(gpu);
    q_sample::record(&mut rec, &picture, &buffers)?;
    let plan = rec.finish();
    let mut tiles = Vec::with_capacity(timesteps.len() * start.values.len());
    for &t in timesteps {
        gpu.write(buffers.timesteps, bytemuck::bytes_of(&t));
        plan.submit(gpu);
        let x_t: Vec<f32> = pollster::block_on(gpu.read_range(buffers.x_t, 0, words * 4))?;
        gpu.check()?;
        tiles.extend(to_channels_first(&tensor, &x_t));
    }
    Ok(tiles)
}
