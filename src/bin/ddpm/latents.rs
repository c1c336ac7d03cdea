//! `ddpm latents`: one x_t, several pictures that it can become (figure 7 of arXiv 2006.11239).

use std::path::PathBuf;

use ddpm::picture::Grid;
use ddpm::sampler::{Sampler, SamplerOptions, run_until};

use crate::batches::Batches;
use crate::chain::{self, ChainArgs};
use crate::device::Device;
use crate::layout::LayoutArgs;
use crate::times::TimesArgs;
use crate::{Outcome, output};

/// Show what pictures share that come from one latent, as figure 7 of the paper does.
///
/// A row of the grid begins with an x_t of one chain, each row's with another number of steps of noise; after it come pictures
/// that are sampled from it with noise of their own. The less noise it holds, the more they have in common.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm latents --model fashion-mnist-reference --times 1000,750,500,250 --count 6 --out latents.png"
)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,

    #[command(flatten)]
    times: TimesArgs,

    /// How many pictures from each latent.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=4096))]
    count: u32,

    /// Pictures computed together [default: 16 on the CPU, 64 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// The grid to write, one row for each of --times.
    #[arg(long, value_name = "FILE.png", default_value = "latents.png")]
    out: PathBuf,

    #[command(flatten)]
    layout: LayoutArgs,
}

/// The latent of a row.
struct Latent {
    steps_done: u32,
    steps_of_noise: u32,
    x_t: Vec<f32>,
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    args.chain.check()?;
    output::check(&args.out, "png", &[&args.chain.model])?;
    let checkpoint = args.chain.load()?;
    let options = args.chain.options(&checkpoint, args.count)?;
    let times = args.times.of(checkpoint.diffusion.num_timesteps)?;
    let shape = chain::shape(&checkpoint, &options);
    let rows = times.len() as u32;
    let grid = args.layout.of(Grid { rows, ..Grid::strip(args.count + 1, shape) });
    grid.size()?;

    let gpu = device.gpu()?;
    let one = SamplerOptions { count: 1, ..options.clone() };
    let mut source = Sampler::new(&gpu, &checkpoint, &one)?;
    let mut raster = grid.blank()?;
    let mut noise = vec![0; times.len()];
    // The chain comes by the noisiest first, wherever its row is.
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(times[row]));
    for row in order {
        let time = times[row];
        let steps_done = time.checked_sub(1).map_or(source.steps_total(), |t| source.steps_before(t));
        run_until(&mut source, steps_done, None, |_| ())?;
        let latent = Latent {
            steps_done,
            steps_of_noise: source.t().map_or(0, |t| t + 1),
            x_t: pollster::block_on(source.read_view(0))?,
        };
        let batches = Batches {
            verb: "latents",
            gpu: &gpu,
            checkpoint: &checkpoint,
            options: &options,
            batch: args.batch,
            max_frames: 0,
        };
        let drawn = batches.draw(
            &mut |sampler, _| {
                sampler.write_x(&latent.x_t.repeat(sampler.count() as usize), latent.steps_done)
            },
            &mut |_, _, _| Ok(()),
        )?;
        let first_ix = row as u32 * grid.columns;
        grid.place(&mut raster, first_ix, &latent.x_t)?;
        grid.place(&mut raster, first_ix + 1, &drawn.pictures)?;
        noise[row] = latent.steps_of_noise;
    }

    let noise = chain::list(noise);
    let mut texts = chain::texts(&args.chain, &options);
    texts.push(("steps_of_noise", noise.clone()));
    output::write(&args.out, &output::png(&raster, &texts)?)?;
    Ok(format!(
        "{}: {} pictures from each latent, with {noise} steps of noise, on {}",
        args.out.display(),
        args.count,
        gpu.adapter().name
    ))
}
