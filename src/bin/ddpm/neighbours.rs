//! `ddpm neighbours`: samples beside the training pictures nearest to them.

use std::path::PathBuf;

use ddpm::dataset::files::{LoadOptions, Source, Split};
use ddpm::dataset::{Dataset, to_signed};
use ddpm::error::Error;
use ddpm::eval::{Neighbour, nearest};
use ddpm::picture::Grid;

use crate::tensors::TensorFile;
use crate::{Outcome, output, pictures};

/// Pairs in a row of the grid.
const COLUMNS: u32 = 16;

/// Show samples above the training pictures nearest to them: what a model has learned by heart would be seen.
///
/// Near is the root mean square of the difference of pixels. As a measure, as many pictures of the test split are looked up
/// too: samples should not be nearer to the training pictures than those are.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    ddpm sample --model clothes/model.safetensors --count 64 --tensors samples.safetensors\n  \
    ddpm neighbours --samples samples.safetensors --dataset fashion-mnist --out neighbours.png")]
pub struct Args {
    /// The samples: `pictures` of what ddpm sample --tensors writes.
    #[arg(long, value_name = "FILE.safetensors")]
    samples: PathBuf,

    /// fashion-mnist, mnist, cifar10 or folder:PATH.
    #[arg(long, value_name = "DATASET")]
    dataset: Source,

    /// The folder with the data set's files, if they are not in a usual place.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The pairs to draw.
    #[arg(long, value_name = "FILE.png", default_value = "neighbours.png")]
    out: PathBuf,

    /// Each pixel becomes N x N of them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: u32,
}

pub fn run(args: &Args) -> Outcome {
    output::check(&args.out, "png", &[&args.samples])?;
    let file = TensorFile::read(&args.samples)?;
    let samples = file.f32("pictures")?;
    let &[count, channels, height, width] = samples.shape.as_slice() else {
        return Err(file
            .refused("pictures", &format!("expected [N, C, H, W], found {:?}", samples.shape))
            .into());
    };
    let [channels, height, width] = [channels, height, width].map(|side| side as u32);
    if count == 0 || !matches!(channels, 1 | 3) {
        let expected = "expected a picture at least, with 1 or 3 channels";
        return Err(file.refused("pictures", &format!("{expected}, found {:?}", samples.shape)).into());
    }
    let split = |split| {
        let options = LoadOptions {
            split,
            data: args.data.clone(),
            size: Some([height, width]),
            channels: Some(channels),
            ..LoadOptions::default()
        };
        pictures::load(&args.dataset, &options).map(|(dataset, _)| dataset)
    };
    let (training, test) = (split(Split::Train)?, split(Split::Test)?);
    if training.shape() != [channels, height, width] {
        return Err(Error::input(format!(
            "{}: expected pictures of {:?}, found {:?}",
            args.dataset,
            [channels, height, width],
            training.shape()
        ))
        .into());
    }
    let neighbours = nearest(&training, &samples.data);
    let count = count as u32;
    let unseen: Vec<f32> = (0..count.min(test.num_pictures())).flat_map(|ix| signed(&test, ix)).collect();
    let of_test = nearest(&training, &unseen);

    let rows = count.div_ceil(COLUMNS);
    let grid = Grid {
        shape: [channels, height, width],
        columns: COLUMNS.min(count),
        rows: 2 * rows,
        gap: 1,
        scale: args.scale,
    };
    let mut raster = grid.blank()?;
    let elements = samples.data.len() / count as usize;
    for (ix, neighbour) in (0..).zip(&neighbours) {
        let place = ix / COLUMNS * 2 * grid.columns + ix % COLUMNS;
        let sample = &samples.data[ix as usize * elements..][..elements];
        grid.place(&mut raster, place, sample)?;
        grid.place(&mut raster, place + grid.columns, &signed(&training, neighbour.picture_ix))?;
    }
    output::write(&args.out, &output::png(&raster, &[("dataset", pictures::name(&args.dataset))])?)?;
    Ok(format!(
        "{count} samples above the nearest of {} training pictures of {}: {}\n\
         distance to it (RMS on 0 to 255): mean {:.1}, least {:.1}; of {} test pictures: mean {:.1}, least {:.1}",
        training.num_pictures(),
        pictures::name(&args.dataset),
        args.out.display(),
        mean(&neighbours),
        least(&neighbours),
        of_test.len(),
        mean(&of_test),
        least(&of_test)
    ))
}

/// A picture: `[C, H, W]` in [−1, 1].
fn signed(dataset: &Dataset, ix: u32) -> Vec<f32> {
    dataset.picture(ix).iter().map(|&byte| to_signed(byte)).collect()
}

fn mean(neighbours: &[Neighbour]) -> f64 {
    neighbours.iter().map(|neighbour| neighbour.distance).sum::<f64>() / neighbours.len() as f64
}

fn least(neighbours: &[Neighbour]) -> f64 {
    neighbours.iter().map(|neighbour| neighbour.distance).fold(f64::INFINITY, f64::min)
}
