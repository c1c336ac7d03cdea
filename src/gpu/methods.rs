//! How a convolution is computed, and the rule by which a page decides it.

use serde::{Deserialize, Serialize};

use super::context::Tile;

/// What the time of a convolution depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConvShape {
    /// Batch size.
    pub samples: u32,
    /// Output height.
    pub height: u32,
    /// Output width.
    pub width: u32,
    /// Channels of all sources / 4.
    pub in_quads: u32,
    /// Output channels / 4.
    pub out_quads: u32,
    /// 1 or 3.
    pub kernel: u32,
    /// 1 or 2.
    pub stride: u32,
    /// 1 if the input is read upsampled by 2; 2 if zeros are read between its pixels.
    pub upsample: u32,
}

impl ConvShape {
    /// Whether Winograd's algorithm is for it: 3 × 3 weights and every pixel.
    pub fn allows_winograd(&self) -> bool {
        self.kernel == 3 && self.stride == 1 && self.upsample < 2
    }

    /// Two for each multiply-add of a direct convolution.
    pub fn flops(&self) -> u64 {
        let products =
            u64::from(self.in_quads * 4 * self.kernel * self.kernel) * u64::from(self.out_quads * 4);
        2 * products * u64::from(self.samples * self.height) * u64::from(self.width)
    }
}

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Method {
    /// What is computed.
    pub algorithm: Algorithm,
    /// By which kernels; of the context's kind.
    pub tile: Tile,
    /// Parts of the sum over taps and channels that are computed apart and then added up in their order; 1 is none.
    #[serde(default = "unsplit")]
    pub splits: u32,
    /// Whether a layer's weights are read as f16 if each of them is exactly that and training does not change them.
    #[serde(default)]
    pub half_weights: bool,
}

impl Method {
    /// `algorithm` by the kernels of `tile`, without a split, weights in f32.
    pub fn new(algorithm: Algorithm, tile: Tile) -> Self {
        Self { algorithm, tile, splits: unsplit(), half_weights: false }
    }
}

fn unsplit() -> u32 {
    1
}

/// What a [`Method`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// An implicit matrix product: `shaders/conv2d*.wgsl`.
    Direct,
    /// Winograd's, which has fewer multiplications: `shaders/winograd_*.wgsl`.
    Winograd,
}

/// On CPU adapters Winograd's algorithm is the faster where its matrix products outweigh what it moves to and fro, from 16
/// channels on; beyond 128 by 128 channels its weights, four times as large, would take too much memory. On GPUs that is to be
/// measured.
pub(super) fn rule(shape: &ConvShape, tile: Tile) -> Algorithm {
    let few = shape.in_quads < 4 || shape.out_quads < 4;
    let many = shape.in_quads * shape.out_quads > 32 * 32;
    match tile {
        Tile::Registers if shape.allows_winograd() && !few && !many => Algorithm::Winograd,
        _ => Algorithm::Direct,
    }
}
