//! Animated GIFs of rasters, for the command line. (The page makes its own, in JavaScript that is fetched when a film is
//! wanted, so that the program that every visitor loads has none.)
//!
//! Grey films are exact: their palette is the 256 greys. Each frame of an RGB film has a palette of its own, chosen by
//! median cut over colours of five bits a channel, without dithering.

mod gif;
mod lzw;

use crate::error::{Error, Result};
use crate::picture::Raster;
use gif::{Gif, Palette};

/// A film being made, played again and again.
pub struct Film {
    gif: Gif,
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
        let size = [width, height];
        let greys: Palette = std::array::from_fn(|ix| (ix / 3) as u8);
        let gif = Gif::new(size, (first.channels == 1).then_some(&greys));
        Ok(Self { gif, size, channels: first.channels })
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
        if self.channels == 1 {
            self.gif.push(None, &raster.pixels, hundredths);
        } else {
            let (palette, indices) = median_cut(&raster.pixels);
            self.gif.push(Some(&palette), &indices, hundredths);
        }
        Ok(())
    }

    /// The GIF's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.gif.finish()
    }
}

/// Values of a channel that are told apart.
const LEVELS: usize = 32;

/// The pixels whose channels have the same first five bits.
#[derive(Clone, Copy, Default)]
struct Bin {
    pixels: u64,
    sum: [u64; 3],
}

/// Bins that are to share a colour: `bins[start..end]`, and how much would be won by splitting them.
struct Cut {
    start: usize,
    end: usize,
    channel: usize,
    gain: u64,
}

/// At most 256 colours for RGB `pixels`, and the index of each pixel's.
fn median_cut(pixels: &[u8]) -> (Palette, Vec<u8>) {
    let bin_of = |pixel: &[u8]| pixel.iter().fold(0, |bin, byte| bin * LEVELS + usize::from(byte >> 3));
    let mut table = vec![Bin::default(); LEVELS * LEVELS * LEVELS];
    for pixel in pixels.chunks_exact(3) {
        let bin = &mut table[bin_of(pixel)];
        bin.pixels += 1;
        for (sum, byte) in bin.sum.iter_mut().zip(pixel) {
            *sum += u64::from(*byte);
        }
    }
    let mut bins: Vec<u16> =
        (0..=u16::MAX).zip(&table).filter(|(_, bin)| bin.pixels > 0).map(|(ix, _)| ix).collect();

    let mut cuts = vec![Cut::new(&table, &bins, 0, bins.len())];
    while cuts.len() < 256 {
        let Some(best) = (0..cuts.len()).max_by_key(|&ix| cuts[ix].gain).filter(|&ix| cuts[ix].gain > 0)
        else {
            break;
        };
        let Cut { start, end, channel, .. } = cuts.swap_remove(best);
        let middle = start + split(&table, &mut bins[start..end], channel);
        cuts.push(Cut::new(&table, &bins, start, middle));
        cuts.push(Cut::new(&table, &bins, middle, end));
    }

    let mut palette = [0; 3 * 256];
    let mut index_of = vec![0; table.len()];
    for ((cut, index), colour) in cuts.iter().zip(0..=u8::MAX).zip(palette.chunks_exact_mut(3)) {
        let (mut count, mut sum) = (0, [0; 3]);
        for &ix in &bins[cut.start..cut.end] {
            let bin = table[usize::from(ix)];
            count += bin.pixels;
            sum = [0, 1, 2].map(|channel| sum[channel] + bin.sum[channel]);
            index_of[usize::from(ix)] = index;
        }
        colour.copy_from_slice(&sum.map(|sum: u64| ((sum + count / 2) / count.max(1)) as u8));
    }
    (palette, pixels.chunks_exact(3).map(|pixel| index_of[bin_of(pixel)]).collect())
}

/// A bin's level in `channel` (0 is red).
fn level(bin: u16, channel: usize) -> usize {
    usize::from(bin) >> (10 - 5 * channel) & (LEVELS - 1)
}

impl Cut {
    /// The bins from `start` to `end`; the channel in which they differ most is the one to split.
    fn new(table: &[Bin], bins: &[u16], start: usize, end: usize) -> Self {
        let bins = &bins[start..end];
        let pixels: u64 = bins.iter().map(|&bin| table[usize::from(bin)].pixels).sum();
        let width = |channel: usize| {
            let (least, most) = bins.iter().fold((LEVELS, 0), |(least, most), &bin| {
                (least.min(level(bin, channel)), most.max(level(bin, channel)))
            });
            most.saturating_sub(least) as u64
        };
        let (channel, width) =
            (0..3).map(|c| (c, width(c))).max_by_key(|(_, width)| *width).unwrap_or((0, 0));
        Self { start, end, channel, gain: pixels * width * width }
    }
}

/// Brings the bins below the median level of `channel` to the front, and returns how many they are: neither none nor
/// all, if not all are of one level.
fn split(table: &[Bin], bins: &mut [u16], channel: usize) -> usize {
    let mut pixels = [0u64; LEVELS];
    for &bin in bins.iter() {
        pixels[level(bin, channel)] += table[usize::from(bin)].pixels;
    }
    let total: u64 = pixels.iter().sum();
    let lowest = pixels.iter().position(|&n| n > 0).unwrap_or(0);
    let highest = pixels.iter().rposition(|&n| n > 0).unwrap_or(0);
    let mut below = 0;
    let median = pixels.iter().position(|&n| {
        below += n;
        2 * below > total
    });
    let first_above = median.unwrap_or(highest).clamp(lowest + 1, highest.max(lowest + 1));
    let mut front = 0;
    for ix in 0..bins.len() {
        if level(bins[ix], channel) < first_above {
            bins.swap(front, ix);
            front += 1;
        }
    }
    front
}
