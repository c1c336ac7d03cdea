//! `ddpm interpolate`: between two pictures by way of their noised forms (figure 8 of arXiv 2006.11239).

use std::path::PathBuf;

use ddpm::dataset::files::PictureFile;
use ddpm::picture::Grid;
use ddpm::sampler::SamplerOptions;

use crate::batches::Batches;
use crate::chain::{self, ChainArgs};
use crate::device::Device;
use crate::layout::LayoutArgs;
use crate::times::TimesArgs;
use crate::{Outcome, model, output};

/// Interpolate between two pictures, as figure 8 of the paper does.
///
/// A row of the grid is one number of steps of noise: both pictures are noised so far, x_t and x'_t, and (1 - l) x_t + l x'_t
/// is denoised for l from 0 to 1; the pictures themselves stand left and right. More noise changes more than what both have in
/// common. Both pictures, and all l, have the same noise: with noise of their own the middle of the row would hold only half
/// of the noise that the network expects. Without noise (0) it is the mix of their pixels.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm interpolate --model fashion-mnist-reference --from sandal.png --to boot.png --times 0,250,500,750,1000 --out between.png"
)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,

    /// The picture on the left, cut and scaled to the model's size.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The picture on the right.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    #[command(flatten)]
    times: TimesArgs,

    /// How many l from 0 to 1.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=4096))]
    count: u32,

    /// Pictures computed together [default: 16 on the CPU, 64 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// The grid to write, one row for each of --times.
    #[arg(long, value_name = "FILE.png", default_value = "interpolation.png")]
    out: PathBuf,

    #[command(flatten)]
    layout: LayoutArgs,
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    args.chain.check()?;
    output::check(&args.out, "png", &[&args.chain.model, &args.from, &args.to])?;
    let checkpoint = args.chain.load()?;
    let options = args.chain.options(&checkpoint, args.count)?;
    // All l draw the same noise on the way back too.
    let options = SamplerOptions { shared_noise: true, ..options };
    let times = args.times.of(checkpoint.diffusion.num_timesteps)?;
    let shape = chain::shape(&checkpoint, &options);
    let rows = times.len() as u32;
    let grid = args.layout.of(Grid { rows, ..Grid::strip(args.count + 2, shape) });
    grid.size()?;
    let [channels, height, width] = shape;
    let from = PictureFile::read(&args.from)?.fit(channels, [height, width])?;
    let to = PictureFile::read(&args.to)?.fit(channels, [height, width])?;
    // Noising is linear, and the noise is the same: the mix of x_t and x'_t is the mix of the pictures, noised.
    let mixed = |ix: u32| {
        let share = ix as f32 / (args.count - 1) as f32;
        from.iter().zip(&to).map(move |(from, to)| (1.0 - share) * from + share * to)
    };

    let gpu = device.gpu()?;
    let mut raster = grid.blank()?;
    let mut taken = Vec::new();
    for (row, &time) in (0..rows).zip(&times) {
        let batches = Batches {
            verb: "interpolate",
            gpu: &gpu,
            checkpoint: &checkpoint,
            options: &options,
            batch: args.batch,
            max_frames: 0,
        };
        let mut noise = 0;
        let drawn = batches.draw(
            &mut |sampler, done| {
                let pictures: Vec<f32> = (done..done + sampler.count()).flat_map(mixed).collect();
                let at = time.checked_sub(1).map_or(sampler.steps_total(), |t| sampler.steps_before(t));
                sampler.start_from(&pictures, at)?;
                noise = sampler.t().map_or(0, |t| t + 1);
                Ok(())
            },
            &mut |_, _, _| Ok(()),
        )?;
        taken.push(noise);
        let first_ix = row * grid.columns;
        grid.place(&mut raster, first_ix, &from)?;
        grid.place(&mut raster, first_ix + 1, &drawn.pictures)?;
        grid.place(&mut raster, first_ix + 1 + args.count, &to)?;
    }

    let taken = chain::list(taken);
    let mut texts = chain::texts(&args.chain, &options);
    let names = [("from", &args.from), ("to", &args.to)];
    texts.extend(names.map(|(key, path)| (key, model::name(path))));
    texts.push(("steps_of_noise", taken.clone()));
    output::write(&args.out, &output::png(&raster, &texts)?)?;
    Ok(format!(
        "{}: from {} to {} in {} pictures a row, each row with {taken} steps of noise, on {}",
        args.out.display(),
        args.from.display(),
        args.to.display(),
        args.count,
        gpu.adapter().name
    ))
}
