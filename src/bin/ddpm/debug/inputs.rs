//! What one evaluation of a U-Net reads, from a file.

use ddpm::checkpoint::Checkpoint;
use ddpm::error::Result;
use ddpm::graph::{Graph, unet};

use crate::tensors::TensorFile;

/// A batch for a network, and the network for pictures of its size.
pub struct Inputs {
    pub graph: Graph,
    /// N, C, H and W.
    pub shape: [u32; 4],
    /// x_t: `[N, C, H, W]`.
    pub sample: Vec<f32>,
    /// t: `[N]`.
    pub timesteps: Vec<u32>,
    /// `[N]`, if the network has classes.
    pub labels: Option<Vec<u32>>,
}

impl Inputs {
    /// Reads `sample`, `timestep` and, for a network with classes, `class_labels` for `checkpoint` from `file`.
    ///
    /// # Errors
    /// One sentence that names the file, the tensor, what was expected and what was found.
    pub fn read(checkpoint: &Checkpoint, file: &TensorFile) -> Result<Self> {
        let sample = file.f32("sample")?;
        let channels = checkpoint.unet.in_channels;
        let sides = sample.shape.iter().map(|&side| u32::try_from(side).ok().filter(|&side| side > 0));
        let Some([batch, found, height, width]) =
            sides.collect::<Option<Vec<u32>>>().and_then(|sides| <[u32; 4]>::try_from(sides).ok())
        else {
            let why = format!("expected [N, {channels}, H, W], none of them 0, found {:?}", sample.shape);
            return Err(file.refused("sample", &why));
        };
        if found != channels {
            let why = format!("expected {channels} channels, found {:?}", sample.shape);
            return Err(file.refused("sample", &why));
        }
        let graph = unet::describe(&checkpoint.unet, [height, width])
            .map_err(|error| file.refused("sample", &error.to_string()))?;

        let what = "the timesteps of the model's schedule";
        let mut timesteps = file.indices("timestep", checkpoint.diffusion.num_timesteps, what)?;
        if timesteps.data.len() == 1 {
            timesteps.data.resize(batch as usize, timesteps.data[0]);
        } else if timesteps.shape != [batch as usize] {
            let why =
                format!("expected [{batch}] as sample has, or one element, found {:?}", timesteps.shape);
            return Err(file.refused("timestep", &why));
        }
        let labels = labels(file, checkpoint.unet.num_class_embeds, batch)?;
        Ok(Self {
            graph,
            shape: [batch, channels, height, width],
            sample: sample.data,
            timesteps: timesteps.data,
            labels,
        })
    }
}

/// The labels, if the model has classes; neither missing nor superfluous.
fn labels(file: &TensorFile, num_classes: Option<u32>, batch: u32) -> Result<Option<Vec<u32>>> {
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
