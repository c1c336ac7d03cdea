//! `ddpm progressive`: what a chain takes its picture to be, step after step (figure 6 of arXiv 2006.11239).

use std::path::PathBuf;

use ddpm::picture::Grid;

use crate::batches::Batches;
use crate::chain::{self, ChainArgs};
use crate::device::Device;
use crate::layout::LayoutArgs;
use crate::{Outcome, output};

/// Show the predicted picture over the course of sampling, as figure 6 of the paper does.
///
/// A row of the grid is a picture; its columns are the predicted x_0, from the first steps at the left to the last one, which
/// is the sample itself.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm progressive --model fashion-mnist-reference --count 8 --columns 10 --out progressive.png"
)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,

    /// How many pictures.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    count: u32,

    /// Columns at most, evenly spaced over the chain's steps.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    columns: u32,

    /// Pictures computed together [default: 16 on the CPU, 64 on GPUs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,

    /// The grid to write.
    #[arg(long, value_name = "FILE.png", default_value = "progressive.png")]
    out: PathBuf,

    #[command(flatten)]
    layout: LayoutArgs,
}

/// x̂_0 among the views of a sampler.
const PRED_X_START: usize = 1;

pub fn run(args: &Args, device: &Device) -> Outcome {
    args.chain.check()?;
    output::check(&args.out, "png", &[&args.chain.model])?;
    let checkpoint = args.chain.load()?;
    let options = args.chain.options(&checkpoint, args.count)?;
    let shape = chain::shape(&checkpoint, &options);
    let elements = shape.iter().map(|&side| side as usize).product::<usize>();
    let layout = |columns| args.layout.of(Grid { rows: args.count, ..Grid::strip(columns, shape) });
    layout(args.columns).size()?;

    let gpu = device.gpu()?;
    let batches = Batches {
        verb: "progressive",
        gpu: &gpu,
        checkpoint: &checkpoint,
        options: &options,
        batch: args.batch,
        max_frames: args.columns + 1,
    };
    // Column by column what every picture is taken to be, and how much noise there was in it.
    let mut columns: Vec<Vec<f32>> = Vec::new();
    let mut noise = Vec::new();
    batches.draw(&mut |_, _| Ok(()), &mut |sampler, frames, _| {
        // Before the first step nothing is predicted.
        for (column, &kept) in frames.kept().iter().filter(|&&kept| kept > 0).enumerate() {
            if column == columns.len() {
                columns.push(Vec::new());
                noise.push(sampler.t_of(kept - 1).map_or(0, |t| t + 1));
            }
            columns[column].extend(pollster::block_on(frames.read(sampler, kept, PRED_X_START))?);
        }
        Ok(())
    })?;

    let grid = layout(columns.len() as u32);
    let pictures: Vec<f32> = (0..args.count as usize)
        .flat_map(|row| columns.iter().flat_map(move |column| &column[row * elements..][..elements]))
        .copied()
        .collect();
    let noise = chain::list(noise);
    let mut texts = chain::texts(&args.chain, &options);
    texts.push(("steps_of_noise", noise.clone()));
    output::write(&args.out, &output::png(&grid.draw(&pictures)?, &texts)?)?;
    Ok(format!(
        "{}: {} pictures as they were predicted from {noise} steps of noise, on {}",
        args.out.display(),
        args.count,
        gpu.adapter().name
    ))
}
