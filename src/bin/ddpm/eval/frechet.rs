//! `ddpm eval --frechet`: how far two sets of pictures are from each other.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ddpm::dataset::files::PictureSet;
use ddpm::error::{Error, Result};
use ddpm::eval::frechet::{self, FeatureNetwork, ValueRange};

use crate::Outcome;
use crate::progress::Progress;

#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Distance of two sets of pictures")]
pub struct Args {
    /// Measure the Fréchet distance between two sets by --features (FID, if it is the usual Inception), in place of a model's
    /// bound. A set is a folder of pictures, an .npz file (`ddpm sample` writes both), or fashion-mnist, mnist or cifar10: the
    /// test split.
    #[arg(
        long,
        num_args = 2,
        value_names = ["SET", "SET"],
        conflicts_with_all = [
            "model", "dataset", "train_split", "timesteps", "seed", "variance", "unlabelled", "null_class", "batch", "out"
        ],
        requires = "features"
    )]
    pub frechet: Option<Vec<String>>,

    /// The network whose features are compared: its input is f32 [N, 3, H, W] or [N, 1, H, W], to whose H and W pictures are
    /// resized if it has fixed ones; its first output, flattened, is the features.
    #[arg(long, value_name = "FILE.onnx", requires = "frechet")]
    features: Option<PathBuf>,

    /// The values that the network takes for black and white: 0..1 suits pytorch-fid's Inception, 0..255 torch-fidelity's;
    /// imagenet is torchvision's normalisation.
    #[arg(long, value_enum, default_value = "0..1", requires = "frechet", allow_hyphen_values = true)]
    features_range: RangeName,
}

#[derive(Clone, Copy, ValueEnum)]
enum RangeName {
    #[value(name = "0..255")]
    Bytes,
    #[value(name = "0..1")]
    Unit,
    #[value(name = "-1..1")]
    Signed,
    #[value(name = "imagenet")]
    ImageNet,
}

impl From<RangeName> for ValueRange {
    fn from(name: RangeName) -> Self {
        match name {
            RangeName::Bytes => Self::Bytes,
            RangeName::Unit => Self::Unit,
            RangeName::Signed => Self::Signed,
            RangeName::ImageNet => Self::ImageNet,
        }
    }
}

/// Compares the sets `names`: the first `count` pictures of each, or all.
pub fn run(args: &Args, names: &[String], data: Option<&Path>, count: Option<u32>) -> Outcome {
    let Some(features) = &args.features else {
        return Err(crate::Failure::Usage("--frechet: expected --features FILE.onnx, found none".to_owned()));
    };
    let network = FeatureNetwork::load(features, args.features_range.into())?;
    let sets = names.iter().map(|name| PictureSet::open(name, data)).collect::<Result<Vec<_>>>()?;
    let counts = sets.iter().map(|set| wanted(set, count)).collect::<Result<Vec<u64>>>()?;
    if let [a, b] = sets.as_slice()
        && a.size() != b.size()
    {
        let [[height, width], [other_height, other_width]] = [a.size(), b.size()];
        return Err(Error::input(format!(
            "{}: expected pictures of {width} x {height} pixels as {} has, found {other_width} x {other_height}",
            b.name(),
            a.name()
        ))
        .into());
    }
    let total = counts.iter().sum();
    let mut progress = Progress::new("eval", total);
    let mut before = 0;
    let mut gaussians = Vec::new();
    for (set, &count) in sets.iter().zip(&counts) {
        let moments = frechet::measure(&network, set, count, &mut |done| {
            progress.set(before + done, &format!("picture {done} of {count} of {}", set.name()));
        })?;
        before += count;
        gaussians.push(moments.gaussian()?);
    }
    progress.set(total, "the distance");
    let distance = frechet::distance(&gaussians[0], &gaussians[1])?;
    drop(progress);
    let dimension = gaussians[0].mean().len();
    let mut text = format!(
        "Fréchet distance {distance:.6} by {dimension} features: {} ({} pictures) and {} ({} pictures)",
        sets[0].name(),
        counts[0],
        sets[1].name(),
        counts[1]
    );
    if let Some(fewest) = counts.iter().min().filter(|&&count| count <= dimension as u64) {
        text.push_str(&format!(
            "\n{fewest} pictures do not determine a covariance of {dimension} features, and the distance is too large: \
             compare it with none of other counts"
        ));
    }
    Ok(text)
}

/// How many pictures of `set` are compared.
fn wanted(set: &PictureSet, count: Option<u32>) -> Result<u64> {
    let all = set.count();
    let count = count.map_or(all, u64::from);
    if count > all {
        return Err(Error::input(format!("{}: expected {count} pictures, found {all}", set.name())));
    }
    if count < 2 {
        return Err(Error::input(format!("{}: expected 2 pictures at least, found {count}", set.name())));
    }
    Ok(count)
}
