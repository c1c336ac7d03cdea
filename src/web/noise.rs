//! x_T alone, to be seen while the kernels of the network compile.

use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::gpu::{Buffer, GpuContext, Recorder};
use crate::ops::chain::{Chain, Picture};
use crate::ops::normals;
use crate::rng::Stream;
use crate::sampler::SamplerOptions;

/// Draws the x_T with which the chain of `options` will begin; `[count, pixels, stride]` f32, and the stride.
pub(super) fn draw(
    gpu: &GpuContext,
    checkpoint: &Checkpoint,
    options: &SamplerOptions,
) -> Result<(Buffer, u32)> {
    let [height, width] = checkpoint.unet.sample_size;
    let channels = checkpoint.unet.in_channels;
    let stride = channels.next_multiple_of(4);
    let picture = Picture {
        plane: height * width,
        channels,
        stride,
        samples: options.count,
        copies: 1,
        shared_noise: options.shared_noise,
    };
    let words = u64::from(options.count) * u64::from(picture.plane) * u64::from(stride);
    let x = gpu.buffer("noise", words)?;
    let chain = gpu.buffer_with("noise chain", &[Chain::new(0, options.seed, options.first_sample)])?;
    let mut rec = Recorder::new(gpu);
    let last_t = checkpoint.diffusion.num_timesteps - 1;
    normals::record(&mut rec, &picture, Stream::InitialNoise, last_t, &chain, &x)?;
    rec.finish().submit(gpu);
    Ok((x, stride))
}
