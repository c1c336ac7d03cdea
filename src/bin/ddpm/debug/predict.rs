//! `ddpm debug predict`: one evaluation of the U-Net.

use std::path::PathBuf;

use ddpm::ops::Network;

use super::inputs::Inputs;
use super::tile::TileName;
use crate::device::Device;
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

pub fn run(args: &Args, device: &Device) -> Outcome {
    output::check(&args.output, "safetensors", &[&args.model, &args.input])?;
    let checkpoint = model::load(&args.model)?;
    let inputs = Inputs::read(&checkpoint, &TensorFile::read(&args.input)?)?;
    let gpu = args.tile.gpu(device)?;
    let [batch, _, height, width] = inputs.shape;
    let network = Network::new(&gpu, &inputs.graph, &checkpoint.weights, batch)?;
    let predicted = network.predict(&gpu, &inputs.sample, &inputs.timesteps, inputs.labels.as_deref());
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
