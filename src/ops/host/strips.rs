//! Pictures, channels last, cut into strips of pixels: what one task of a kernel of the chain writes.

use super::normal::normals;
use super::philox::Source;
use crate::gpu::Level;

/// Pixels of a strip, but for a picture's last.
pub const PIXELS: usize = 256;

/// How pictures lie in a buffer: [samples][plane][stride].
#[derive(Clone, Copy, Debug)]
pub struct Strips {
    samples: usize,
    plane: usize,
    stride: usize,
}

impl Strips {
    /// Of `samples` pictures of `plane` pixels of `stride` floats.
    pub fn new(samples: u32, plane: u32, stride: u32) -> Self {
        Self { samples: samples as usize, plane: plane.max(1) as usize, stride: stride.max(1) as usize }
    }

    /// Floats of all pictures.
    pub fn words(&self) -> usize {
        self.samples * self.plane * self.stride
    }

    /// The strips of a buffer of such pictures.
    pub fn of<'a>(&self, pictures: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
        let Self { plane, stride, .. } = *self;
        let words = self.words().min(pictures.len());
        let pictures = pictures[..words].chunks_mut(plane * stride);
        pictures.flat_map(move |picture| picture.chunks_mut(PIXELS * stride))
    }

    /// The strips of a buffer of `copies` times such pictures, each with the same of the second copy, which is empty if there
    /// is none.
    pub fn of_copies<'a>(
        &self,
        pictures: &'a mut [f32],
        copies: u32,
    ) -> impl Iterator<Item = [&'a mut [f32]; 2]> + use<'a> {
        let (first, rest) = pictures.split_at_mut(self.words().min(pictures.len()));
        let mut second = self.of(if copies < 2 { &mut [] } else { rest });
        self.of(first).map(move |strip| [strip, second.next().unwrap_or_default()])
    }

    /// Where the strip number `ix` is.
    pub fn at(&self, ix: usize) -> Strip {
        let each = self.plane.div_ceil(PIXELS);
        let first = ix % each * PIXELS;
        Strip { sample: ix / each, first, pixels: PIXELS.min(self.plane - first), plane: self.plane }
    }
}

/// Some pixels of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Strip {
    /// Which picture.
    pub sample: usize,
    /// The first pixel, counted in the picture.
    pub first: usize,
    /// How many.
    pub pixels: usize,
    plane: usize,
}

impl Strip {
    /// The same pixels of other pictures, whose pixels are `stride` floats.
    pub fn of<'a>(&self, pictures: &'a [f32], stride: u32) -> &'a [f32] {
        let stride = stride as usize;
        &pictures[(self.sample * self.plane + self.first) * stride..][..self.pixels * stride]
    }

    /// Whether it is all of the picture.
    pub fn is_whole(&self) -> bool {
        self.pixels == self.plane
    }

    /// Which element of the sample's own [C, H, W] the first pixel is in `channel`.
    #[inline(always)]
    pub fn element(&self, channel: u32) -> u32 {
        channel * self.plane as u32 + self.first as u32
    }

    /// Normals for the pixels: [channels][pixels].
    pub fn normals(&self, level: Level, source: &Source, channels: u32) -> Vec<f32> {
        let mut noise = vec![0.0; channels as usize * self.pixels];
        for (channel, noise) in (0..).zip(noise.chunks_mut(self.pixels)) {
            normals(level, source, self.element(channel), noise);
        }
        noise
    }
}
