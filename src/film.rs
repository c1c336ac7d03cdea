//! Animated GIFs of rasters, for the command line. (The page makes its own, in JavaScript that is fetched when a film is wanted.)

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use crate::error::{Error, Result};
use crate::picture::Raster;

/// Of the choice of colours, 1 to 30: 10 is the crate's compromise of time and quality.
const SPEED: i32 = 10;

/// A film being made, played again and again. Grey films are exact: their palette is the 256 greys. Each frame of an RGB film
/// has a palette of its own, exact where it has no more than 256 colours.
pub struct Film {
    encoder: Encoder<Vec<u8>>,
    size: [u16; 2],
    channels: u32,
}

impl Film {
    /// A film without frames, for rasters like `first`.
    ///
    /// # Errors
    /// If a side is more than 65535 pixels.
    pub fn new(first: &Raster) -> Result<Self> {
        let (Ok(width), Ok(height)) = (u16::try_from(first.width), u16::try_from(first.height)) else {
            return Err(Error::input(format!(
                "expected a film of at most 65535 x 65535 pixels, found {} x {}",
                first.width, first.height
            )));
        };
        let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let palette: &[u8] = if first.channels == 1 { &greys } else { &[] };
        let mut encoder = encoded(Encoder::new(Vec::new(), width, height, palette))?;
        encoded(encoder.set_repeat(Repeat::Infinite))?;
        Ok(Self { encoder, size: [width, height], channels: first.channels })
    }

    /// Adds a frame, shown for `hundredths` of a second.
    ///
    /// # Errors
    /// If it is not like the first.
    pub fn push(&mut self, raster: &Raster, hundredths: u16) -> Result<()> {
        let [width, height] = self.size;
        if [raster.width, raster.height, raster.channels] != [width.into(), height.into(), self.channels] {
            return Err(Error::input(format!(
                "expected a frame of {width} x {height} pixels with {} channels, found {} x {} with {}",
                self.channels, raster.width, raster.height, raster.channels
            )));
        }
        let frame = match self.channels {
            1 => Frame { width, height, buffer: Cow::Borrowed(&raster.pixels), ..Frame::default() },
            _ => Frame::from_rgb_speed(width, height, &raster.pixels, SPEED),
        };
        let frame = Frame { delay: hundredths, dispose: DisposalMethod::Keep, ..frame };
        encoded(self.encoder.write_frame(&frame))
    }

    /// The GIF's bytes.
    ///
    /// # Errors
    /// None is known: memory takes what is written.
    pub fn finish(self) -> Result<Vec<u8>> {
        encoded(self.encoder.into_inner())
    }
}

fn encoded<T>(outcome: std::result::Result<T, EncodingError>) -> Result<T> {
    outcome.map_err(|error| Error::input(format!("this cannot be a film: {error}")))
}
