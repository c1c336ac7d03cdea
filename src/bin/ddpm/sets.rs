//! Samples as the sets that other tools measure.

use ddpm::checkpoint::Checkpoint;
use ddpm::dataset::files::npz;
use ddpm::error::{Error, Result};
use ddpm::picture::{Grid, to_byte};
use ddpm::sampler::SamplerOptions;

use crate::output;

/// Checks that pictures of `shape` (C, H, W) can be grey or RGB.
pub fn check_channels(shape: [u32; 3]) -> Result<()> {
    match shape[0] {
        1 | 3 => Ok(()),
        channels => {
            Err(Error::input(format!("--npz: expected pictures of 1 or 3 channels, found {channels}")))
        }
    }
}

/// `pictures` (`[N, C, H, W]` in [−1, 1], with `shape` C, H, W; C is 1 or 3) as an .npz file, with labels if they are
/// classes'.
pub fn npz(
    checkpoint: &Checkpoint,
    options: &SamplerOptions,
    shape: [u32; 3],
    pictures: &[f32],
) -> Result<Vec<u8>> {
    let [channels, height, width] = shape;
    let plane = height as usize * width as usize;
    let rgb = |picture: &[f32]| -> Vec<u8> {
        let value = |ix: usize, channel: usize| picture[channel % channels as usize * plane + ix];
        (0..plane).flat_map(|ix| [0, 1, 2].map(|channel| to_byte(value(ix, channel)))).collect()
    };
    let pixels: Vec<u8> = pictures.chunks_exact(plane * channels as usize).flat_map(rgb).collect();
    let null_class = checkpoint.metadata.null_class;
    let labels = checkpoint.unet.num_class_embeds.map(|classes| options.labels(classes, null_class));
    // The null class is none.
    let labels = labels.filter(|labels| labels.first().copied() != null_class);
    npz::to_bytes(&pixels, [height, width], labels.as_deref())
}

/// Each of `pictures` (`[N, C, H, W]` in [−1, 1], with `shape` C, H, W) as a PNG named by its index, saying `texts` of the
/// options for itself alone.
pub fn files(
    options: &SamplerOptions,
    shape: [u32; 3],
    pictures: &[f32],
    texts: impl Fn(&SamplerOptions) -> Vec<(&'static str, String)>,
) -> impl Iterator<Item = Result<(String, Vec<u8>)>> {
    let elements: usize = shape.iter().map(|&side| side as usize).product();
    pictures.chunks_exact(elements).zip(options.first_sample..).map(move |(picture, ix)| {
        let raster = Grid::strip(1, shape).draw(picture)?;
        let alone = SamplerOptions { count: 1, first_sample: ix, ..options.clone() };
        Ok((format!("{ix:06}.png"), output::png(&raster, &texts(&alone))?))
    })
}
