//! One picture brought to the channels and the size that are asked for.

use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};

use super::resample::resampled;
use crate::error::Result;

/// 8-bit pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Height and width; neither is 0.
    pub size: [u32; 2],
    /// 1 for grey, 3 for RGB.
    pub channels: u32,
    /// `[H, W, C]`.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// As grey (1) or as RGB (3).
    pub fn with_channels(self, channels: u32) -> Self {
        let pixels = match (self.channels, channels) {
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            (3, 1) => self.pixels.chunks_exact(3).map(|rgb| luma([rgb[0], rgb[1], rgb[2]])).collect(),
            _ => self.pixels,
        };
        Self { size: self.size, channels, pixels }
    }

    /// Resampled to just cover `size` (height, width), and cut to it around the middle.
    pub fn cover(self, size: [u32; 2]) -> Result<Self> {
        if self.size == size {
            return Ok(self);
        }
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .fit_into_destination(Some((0.5, 0.5)));
        let pixels = match self.channels {
            3 => resampled::<U8x3>(&self.pixels, self.size, size, &options),
            _ => resampled::<U8>(&self.pixels, self.size, size, &options),
        };
        Ok(Self { size, channels: self.channels, pixels: pixels? })
    }

    /// With a black margin up to `size` (height, width), no side of which is shorter; the odd pixel is right and below.
    pub fn pad(self, size: [u32; 2]) -> Self {
        let channels = self.channels as usize;
        let [[height, width], [to_height, to_width]] =
            [self.size, size].map(|size| size.map(|side| side as usize));
        let (top, left) = ((to_height - height) / 2, (to_width - width) / 2);
        let mut pixels = vec![0; to_height * to_width * channels];
        for (y, row) in self.pixels.chunks_exact(width * channels).enumerate() {
            let start = ((top + y) * to_width + left) * channels;
            pixels[start..start + row.len()].copy_from_slice(row);
        }
        Self { size, channels: self.channels, pixels }
    }

    /// Writes it as `planes`: `[C, H, W]`.
    pub fn write_planes(&self, planes: &mut [u8]) {
        let plane = planes.len() / self.channels as usize;
        for (ix, pixel) in self.pixels.chunks_exact(self.channels as usize).enumerate() {
            for (channel, &byte) in pixel.iter().enumerate() {
                planes[channel * plane + ix] = byte;
            }
        }
    }
}

/// BT.709's weights of red, green and blue, in ten-thousandths, to the nearest.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    // At most 255, as the weights' sum is 10,000.
    ((sum + 5000) / 10_000) as u8
}
