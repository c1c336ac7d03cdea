//! The grid of samples by which a run is watched.

use ddpm::checkpoint::Checkpoint;
use ddpm::diffusion::PredNoise;
use ddpm::error::Result;
use ddpm::gpu::GpuContext;
use ddpm::picture::Grid;
use ddpm::sampler::{self, Method, Sampler, SamplerOptions};

use crate::output;

const COUNT: u32 = 16;
const STEPS: u32 = 50;
/// The same pictures after every step, so that they can be compared.
const SEED: u64 = 7;

/// A PNG of 16 pictures by DDIM; of a network with classes each label in turn, the one for no class among them.
///
/// # Errors
/// If they do not fit the adapter, or it is lost.
pub fn draw(gpu: &GpuContext, model: &Checkpoint, step: u32) -> Result<Vec<u8>> {
    let mut model = model.clone();
    model.metadata.null_class = None;
    let options = SamplerOptions {
        count: COUNT,
        seed: SEED,
        method: Method::Ddim { eta: 0.0, pred_noise: PredNoise::FromClippedXStart },
        steps: STEPS.min(model.diffusion.num_timesteps),
        ..SamplerOptions::default()
    };
    let mut chain = Sampler::new(gpu, &model, &options)?;
    sampler::run(&mut chain, None, |_| ())?;
    let pictures = pollster::block_on(chain.read_view(0))?;
    let [height, width] = model.unet.sample_size;
    let grid = Grid { gap: 1, scale: 2, ..Grid::near_square(COUNT, [model.unet.in_channels, height, width]) };
    let texts = [
        ("training_steps", step.to_string()),
        ("seed", SEED.to_string()),
        ("sampler", "ddim".to_owned()),
        ("steps", options.steps.to_string()),
    ];
    output::png(&grid.draw(&pictures)?, &texts)
}
