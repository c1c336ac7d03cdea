//! One picture file, as a network takes pictures.

use std::path::{Path, PathBuf};

use super::decode;
use super::fit::Picture;
use crate::dataset::to_signed;
use crate::error::{Error, Result};

/// A picture that was read: 8 bits, grey or RGB, over white where it is transparent.
pub struct PictureFile {
    path: PathBuf,
    picture: Picture,
}

impl PictureFile {
    /// Reads `path`: PNG, JPEG, GIF (its first frame), WebP or BMP, turned as its Exif says.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), picture: decode::picture(path)? })
    }

    /// Height and width.
    pub fn size(&self) -> [u32; 2] {
        self.picture.size
    }

    /// `[C, H, W]` in [−1, 1] with `channels` and of `size` (height, width): resampled to just cover it, and cut to it around
    /// the middle. A picture that has them already keeps its pixels exactly.
    ///
    /// # Errors
    /// If `channels` is neither 1 nor 3, or the picture cannot be resampled.
    pub fn fit(self, channels: u32, size: [u32; 2]) -> Result<Vec<f32>> {
        if !matches!(channels, 1 | 3) {
            return Err(Error::input(format!(
                "{}: expected a model of grey or RGB pictures to show it to, found one of {channels} channels",
                self.path.display()
            )));
        }
        let fitted = self
            .picture
            .with_channels(channels)
            .cover(size)
            .map_err(|error| error.within(self.path.display()))?;
        let mut planes = vec![0; fitted.pixels.len()];
        fitted.write_planes(&mut planes);
        Ok(planes.into_iter().map(to_signed).collect())
    }
}
