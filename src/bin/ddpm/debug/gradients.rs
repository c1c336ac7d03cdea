//! `ddpm debug gradients`: one evaluation of the U-Net, forward and backward.

use std::collections::HashMap;
use std::path::PathBuf;

use ddpm::error::Error;
use ddpm::ops::store::{Array, ParameterStore};
use ddpm::ops::{TrainingNetwork, TrainingOptions};

use super::inputs::Inputs;
use super::tile::TileName;
use crate::device::Device;
use crate::tensors::{self, TensorFile};
use crate::{Outcome, model, output};

/// Evaluate the U-Net once on given tensors, and differentiate its loss.
///
/// Reads what debug predict does, and `target` (F32, the output's shape). The loss is the mean squared error over all
/// elements; there is no dropout. Writes `loss` (F32, one element), the gradient of every parameter under its checkpoint
/// name and in its shape, and `__sample__`, that of the input.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  ddpm debug gradients --model fashion-mnist-reference --input io.safetensors --output g.safetensors"
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

/// The name of the input's gradient.
const SAMPLE: &str = "__sample__";

pub fn run(args: &Args, device: &Device) -> Outcome {
    output::check(&args.output, "safetensors", &[&args.model, &args.input])?;
    let checkpoint = model::load(&args.model)?;
    let file = TensorFile::read(&args.input)?;
    let inputs = Inputs::read(&checkpoint, &file)?;
    let [batch, _, height, width] = inputs.shape;
    let wanted = [batch, checkpoint.unet.out_channels, height, width].map(|side| side as usize);
    let target = file.f32("target")?;
    if target.shape != wanted {
        let why = format!("expected {wanted:?} as the output has, found {:?}", target.shape);
        return Err(file.refused("target", &why).into());
    }

    let gpu = args.tile.gpu(device)?;
    let graph = &inputs.graph;
    let store = ParameterStore::new(&gpu, graph, &checkpoint.weights, false)?;
    let options = TrainingOptions { input_gradient: true, ..TrainingOptions::default() };
    let network = TrainingNetwork::new(&gpu, graph, &store, batch, &options)?;
    network.write_inputs(&gpu, &inputs.sample, &inputs.timesteps, inputs.labels.as_deref())?;
    network.forward.submit(&gpu);
    let predicted = pollster::block_on(network.read_output(&gpu))?;
    let (loss, d_output) = mean_squared_error(&predicted, &target.data);
    network.write_d_output(&gpu, &d_output);
    network.backward.submit(&gpu);
    let gradients = pollster::block_on(store.read(&gpu, graph, Array::Gradients))?;
    let d_sample = pollster::block_on(network.read_d_x(&gpu))?;

    let gradients: HashMap<String, Vec<f32>> = gradients.into_iter().collect();
    let mut tensors = vec![("loss", vec![1], vec![loss])];
    for param in &graph.params {
        let gradient = gradients.get(&param.name);
        let gradient = gradient.ok_or_else(|| Error::input(format!("{}: no gradient", param.name)))?;
        tensors.push((&param.name, param.shape.clone(), gradient.clone()));
    }
    tensors.push((SAMPLE, inputs.shape.map(|side| side as usize).to_vec(), d_sample));
    output::write(&args.output, &tensors::all_to_bytes(&tensors)?)?;
    Ok(format!(
        "{}: loss {loss} and {} gradients on {}, tile {:?}",
        args.output.display(),
        tensors.len() - 1,
        gpu.adapter().name,
        gpu.tile()
    ))
}

/// mean((output − target)²), and its gradient 2 · (output − target) / elements.
fn mean_squared_error(output: &[f32], target: &[f32]) -> (f32, Vec<f32>) {
    let elements = output.len() as f64;
    let differences = || output.iter().zip(target).map(|(&o, &t)| f64::from(o) - f64::from(t));
    let loss = differences().map(|d| d * d).sum::<f64>() / elements;
    (loss as f32, differences().map(|d| (2.0 * d / elements) as f32).collect())
}
