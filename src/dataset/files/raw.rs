//! Pictures of one size as a data set's own files have them.

use super::super::{Dataset, elements};
use super::fit::Picture;
use crate::error::{Error, Result};

/// Pictures with labels.
pub(super) struct Raw {
    /// C, H and W.
    pub shape: [u32; 3],
    /// `[N, C, H, W]`.
    pub pixels: Vec<u8>,
    /// `[N]`.
    pub labels: Vec<u32>,
    /// Names of the labels.
    pub class_names: Vec<String>,
    /// They stand on black, so a margin of it makes them larger.
    pub on_black: bool,
}

impl Raw {
    /// The data set, brought to `channels` and `size` (height, width), where they are given.
    pub fn fit(self, channels: Option<u32>, size: Option<[u32; 2]>) -> Result<Dataset> {
        let [from_channels, height, width] = self.shape;
        let from = [height, width];
        let (channels, size) = (channels.unwrap_or(from_channels), size.unwrap_or(from));
        let shape = [channels, size[0], size[1]];
        if shape == self.shape {
            return Dataset::new(shape, self.pixels, Some(self.labels), self.class_names);
        }
        let pad = self.on_black && size.iter().zip(from).all(|(&to, from)| (from..2 * from).contains(&to));
        let (from_elements, to_elements) = (elements(self.shape)?, elements(shape)?);
        let mut pixels = zeros(self.labels.len(), to_elements)?;
        for (planes, fitted) in
            self.pixels.chunks_exact(from_elements).zip(pixels.chunks_exact_mut(to_elements))
        {
            let plane = from_elements / from_channels as usize;
            let interleaved =
                (0..plane).flat_map(|ix| (0..from_channels as usize).map(move |c| planes[c * plane + ix]));
            let picture = Picture { size: from, channels: from_channels, pixels: interleaved.collect() }
                .with_channels(channels);
            let picture = if pad { picture.pad(size) } else { picture.cover(size)? };
            picture.write_planes(fitted);
        }
        Dataset::new(shape, pixels, Some(self.labels), self.class_names)
    }
}

/// Black pictures: `count` of `elements` bytes.
pub(super) fn zeros(count: usize, elements: usize) -> Result<Vec<u8>> {
    let mut pixels = Vec::new();
    let bytes = count.checked_mul(elements).filter(|&bytes| pixels.try_reserve_exact(bytes).is_ok());
    let Some(bytes) = bytes else {
        return Err(Error::input(format!(
            "data set: expected pictures that fit memory, found {count} of {elements} bytes"
        )));
    };
    pixels.resize(bytes, 0);
    Ok(pixels)
}
