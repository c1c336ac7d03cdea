//! Pictures for people: from `[N, C, H, W]` in [−1, 1] to one 8-bit raster, as a grid.
//!
//! One channel is grey and three are RGB; any other number of channels is shown as that many grey pictures side by
//! side. Not here: files. Whoever has some writes rasters as PNG or, by [`film`](crate::film), as a GIF.

use crate::error::{Error, Result};

/// The most that a raster may take, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// 8-bit pixels, row-major from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes a pixel: 1 for grey, 3 for RGB.
    pub channels: u32,
    /// `[height, width, channels]`.
    pub pixels: Vec<u8>,
}

/// Where pictures go in a raster: row by row from the top left. What no picture covers is black.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// C, H and W of one picture.
    pub shape: [u32; 3],
    /// Pictures a row.
    pub columns: u32,
    /// Rows of pictures.
    pub rows: u32,
    /// Pixels between two pictures, before scaling.
    pub gap: u32,
    /// Each pixel becomes `scale` × `scale` of them.
    pub scale: u32,
}

impl Grid {
    /// About as many columns as rows, for `count` pictures of `shape` (C, H, W); no gap, not scaled.
    pub fn near_square(count: u32, shape: [u32; 3]) -> Self {
        let columns = (f64::from(count).sqrt().ceil() as u32).max(1);
        Self { shape, columns, rows: count.div_ceil(columns), gap: 0, scale: 1 }
    }

    /// All of `count` pictures of `shape` (C, H, W) in one row; no gap, not scaled.
    pub fn strip(count: u32, shape: [u32; 3]) -> Self {
        Self { shape, columns: count, rows: 1, gap: 0, scale: 1 }
    }

    /// Width and height of the raster, in pixels.
    ///
    /// # Errors
    /// If it has none, or would take more than 1 GiB.
    pub fn size(&self) -> Result<[u32; 2]> {
        let [_, height, _] = self.shape;
        let side = |count: u32, side: u64| {
            let gaps = u64::from(count.saturating_sub(1)) * u64::from(self.gap);
            let pixels =
                u64::from(count).checked_mul(side)?.checked_add(gaps)?.checked_mul(self.scale.into())?;
            u32::try_from(pixels).ok().filter(|&pixels| pixels > 0)
        };
        let fitting =
            side(self.columns, self.tile_width()).zip(side(self.rows, height.into())).filter(|&(w, h)| {
                !self.shape.contains(&0)
                    && (u64::from(w) * u64::from(h))
                        .checked_mul(self.channels().into())
                        .is_some_and(|n| n <= MAX_BYTES)
            });
        fitting.map(Into::into).ok_or_else(|| {
            Error::input(format!(
                "expected a raster of at most {MAX_BYTES} bytes, found {} x {} pictures of {} x {} with {} channels, \
                 {} apart and {} times as large",
                self.columns, self.rows, self.shape[2], height, self.shape[0], self.gap, self.scale
            ))
        })
    }

    /// The raster without pictures.
    ///
    /// # Errors
    /// As [`Self::size`].
    pub fn blank(&self) -> Result<Raster> {
        let [width, height] = self.size()?;
        let bytes = width as usize * height as usize * self.channels() as usize;
        Ok(Raster { width, height, channels: self.channels(), pixels: vec![0; bytes] })
    }

    /// Draws `pictures` (`[n, C, H, W]` in [−1, 1]) into a raster of this grid, the first at place `first_ix`.
    ///
    /// # Errors
    /// If the raster is another grid's, or the pictures are not whole or find no place.
    pub fn place(&self, raster: &mut Raster, first_ix: u32, pictures: &[f32]) -> Result<()> {
        let [c, h, w] = self.shape.map(|side| side as usize);
        let elements = c * h * w;
        let [width, height] = self.size()?;
        let places = self.columns as usize * self.rows as usize;
        let fits = pictures.len().is_multiple_of(elements)
            && first_ix as usize + pictures.len() / elements <= places
            && [raster.width, raster.height, raster.channels] == [width, height, self.channels()];
        if !fits {
            return Err(Error::input(format!(
                "expected whole pictures of {elements} elements for {places} places of a {width} x {height} raster, \
                 found {} elements from place {first_ix} of a {} x {} raster",
                pictures.len(),
                raster.width,
                raster.height
            )));
        }
        let (scale, gap) = (self.scale as usize, self.gap as usize);
        let (tile_width, channels) = (self.tile_width() as usize, self.channels() as usize);
        for (picture, ix) in pictures.chunks_exact(elements).zip(first_ix as usize..) {
            let left = ix % self.columns as usize * (tile_width + gap) * scale;
            let top = ix / self.columns as usize * (h + gap) * scale;
            for y in 0..h * scale {
                let start = ((top + y) * width as usize + left) * channels;
                let row = &mut raster.pixels[start..start + tile_width * scale * channels];
                for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                    let (x, y) = (x / scale, y / scale);
                    for (channel, byte) in pixel.iter_mut().enumerate() {
                        // In RGB, x / w is 0; in grey, channel is.
                        let plane = channel + x / w;
                        *byte = to_byte(picture[(plane * h + y) * w + x % w]);
                    }
                }
            }
        }
        Ok(())
    }

    /// A raster of `pictures`: `[N, C, H, W]` in [−1, 1].
    ///
    /// # Errors
    /// As [`Self::size`] and [`Self::place`].
    pub fn draw(&self, pictures: &[f32]) -> Result<Raster> {
        let mut raster = self.blank()?;
        self.place(&mut raster, 0, pictures)?;
        Ok(raster)
    }

    /// Bytes a pixel.
    fn channels(&self) -> u32 {
        if self.shape[0] == 3 { 3 } else { 1 }
    }

    /// Pixels a row of one picture, its channels side by side unless they are colours.
    fn tile_width(&self) -> u64 {
        u64::from(self.shape[2]) * u64::from(if self.shape[0] == 3 { 1 } else { self.shape[0] })
    }
}

/// [−1, 1] to 0..=255, to the nearest; what lies outside is clipped, and NaN is 0.
pub fn to_byte(x: f32) -> u8 {
    // The cast saturates.
    ((x + 1.0) * 127.5).round() as u8
}
