//! `ddpm debug predict`: one evaluation of the U-Net.

use std::path::PathBuf;

use clap::ValueEnum;
use ddpm::error::Error;
use ddpm::gpu::Tile;
use ddpm::graph::unet;
use ddpm::ops::Network;

use crate::tensors::{self, TensorFile};
use crate::{Outcome, model, output};

/// Evaluate the U-Net once on given tensors.
///
/// Reads `sample` (F32, [N, C, H, W]), `timestep` (I64, [N] or one for all) and, for a model with classes,
/// `class_labels` (I64, [N]); writes `output` (F32, [N, C', H, W]). H and W need not be the model's own, only multiples
/// of 2^(levels - 1).
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm debug predict --model fashion-mnist-reference --input io.safetensors --output out.safetensors"
)]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,

    /// The safetensors file to read.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// How convolutions and matrix products are tiled.
    #[arg(long, value_enum, default_value = "auto")]
    tile: TileName,
}

/// The tilings by name.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum TileName {
    /// The adapter's own.
    Auto,
    /// One output an invocation.
    Naive,
    /// 32 x 32 in workgroup memory.
    Workgroup32,
    /// 64 x 64 in workgroup memory.
    Workgroup64,
    /// 4 pixels x 16 channels in registers.
    Registers,
}

impl TileName {
    fn tile(self) -> Option<Tile> {
        match self {
            Self::Auto => None,
            Self::Naive => Some(Tile::Naive),
            Self::Workgroup32 => Some(Tile::Workgroup { size: 32 }),
            Self::Workgroup64 => Some(Tile::Workgroup { size: 64 }),
            Self::Registers => Some(Tile::Registers),
        }
    }
}

pub fn run(args: &Args, adapter: Option<&str>) -> Outcome {
    output::check(&args.output, "safetensors", &[&args.model, &args.input])?;
    let checkpoint = model::load(&args.model)?;
    let file = TensorFile::read(&args.input)?;

    let sample = file.f32("sample")?;
    let channels = checkpoint.unet.in_channels;
    let sides = sample.shape.iter().map(|&side| u32::try_from(side).ok().filter(|&side| side > 0));
    let Some([batch, found, height, width]) =
        sides.collect::<Option<Vec<u32>>>().and_then(|sides| <[u32; 4]>::try_from(sides).ok())
    else {
        let why = format!("expected [N, {channels}, H, W], none of them 0, found {:?}", sample.shape);
        return Err(file.refused("sample", &why).into());
    };
    if found != channels {
        let why = format!("expected {channels} channels, found {:?}", sample.shape);
        return Err(file.refused("sample", &why).into());
    }
    let graph = unet::describe(&checkpoint.unet, [height, width])
        .map_err(|error| file.refused("sample", &error.to_string()))?;

    let what = "the timesteps of the model's schedule";
    let mut timesteps = file.indices("timestep", checkpoint.diffusion.num_timesteps, what)?;
    if timesteps.data.len() == 1 {
        timesteps.data.resize(batch as usize, timesteps.data[0]);
    } else if timesteps.shape != [batch as usize] {
        let why = format!("expected [{batch}] as sample has, or one element, found {:?}", timesteps.shape);
        return Err(file.refused("timestep", &why).into());
    }
    let labels = labels(&file, checkpoint.unet.num_class_embeds, batch)?;

    let mut gpu = crate::gpu(adapter)?;
    if let Some(tile) = args.tile.tile() {
        gpu = gpu.with_tile(tile);
    }
    let network = Network::new(&gpu, &graph, &checkpoint.weights, batch)?;
    let predicted = network.predict(&gpu, &sample.data, &timesteps.data, labels.as_deref());
    let predicted = pollster::block_on(predicted)?;

    let shape = [batch, network.output_tensor().channels(), height, width].map(|side| side as usize);
    output::write(&args.output, &tensors::to_bytes("output", &shape, &predicted)?)?;
    Ok(format!(
        "{}: output {shape:?} on {}, tile {:?}",
        args.output.display(),
        gpu.adapter().name,
        gpu.tile()
    ))
}

/// The labels, if the model has classes; neither missing nor superfluous.
fn labels(file: &TensorFile, num_classes: Option<u32>, batch: u32) -> Result<Option<Vec<u32>>, Error> {
    let Some(num_classes) = num_classes else {
        return match file.has("class_labels") {
            true => {
                Err(file.refused("class_labels", "expected none, as the model has no classes, found some"))
            }
            false => Ok(None),
        };
    };
    let labels = file.indices("class_labels", num_classes, "the labels of the model")?;
    if labels.shape != [batch as usize] {
        let why = format!("expected [{batch}] as sample has, found {:?}", labels.shape);
        return Err(file.refused("class_labels", &why));
    }
    Ok(Some(labels.data))
}
