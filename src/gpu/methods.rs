//! How each convolution is computed: by what was chosen for all of them, by what was measured, or by a rule from its shape.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::context::Tile;
use super::matrices;

/// Fewer workgroups than this leave much of a GPU idle.
const FEW_WORKGROUPS: u32 = 64;
/// A split's products for one output, at least: fewer would not outweigh another pass over the sums.
const LEAST_DEPTH: u32 = 256;

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

    /// Whether `method` can compute it with what `abilities` says.
    pub fn allows(&self, method: &Method, abilities: Abilities) -> bool {
        let of_the_kind = match (abilities.tile, method.tile) {
            (Tile::Workgroup { .. } | Tile::Matrices { .. }, Tile::Workgroup { size }) => {
                [32, 64].contains(&size)
            }
            (Tile::Matrices { .. }, other) => abilities.tile == other && self.fills_matrices(),
            (tile, other) => tile == other,
        };
        let on_gpu = matches!(method.tile, Tile::Workgroup { .. });
        let is_for = match method.algorithm {
            Algorithm::Direct => true,
            Algorithm::Winograd => {
                let plain = method.splits == 1 && !method.half_weights;
                let has_kernels = !matches!(method.tile, Tile::Naive | Tile::Matrices { .. });
                plain && has_kernels && self.allows_winograd()
            }
        };
        // Each split has a step of the kernels, at least.
        let steps = self.in_quads.div_ceil(4);
        of_the_kind
            && is_for
            && (method.splits == 1 || on_gpu && (2..=steps).contains(&method.splits))
            && (!method.half_weights || on_gpu && abilities.half_weights)
    }

    /// The methods that may be the fastest with what `abilities` says, the plainest first.
    pub fn methods(&self, abilities: Abilities) -> Vec<Method> {
        let [small, large] = [32, 64].map(|size| Tile::Workgroup { size });
        let tiles = match abilities.tile {
            Tile::Workgroup { .. } => vec![small, large],
            Tile::Matrices { .. } => vec![small, large, abilities.tile],
            tile => vec![tile],
        };
        let mut methods = Vec::new();
        for &tile in &tiles {
            let direct = Method::new(Algorithm::Direct, tile);
            methods.push(direct);
            methods.extend(self.splits(tile).into_iter().map(|splits| Method { splits, ..direct }));
        }
        methods.extend(methods.clone().into_iter().map(|method| Method { half_weights: true, ..method }));
        methods.extend(tiles.iter().map(|&tile| Method::new(Algorithm::Winograd, tile)));
        methods.retain(|method| self.allows(method, abilities));
        methods
    }

    /// Splits that may be worth their sum: where few workgroups would run, as many as make enough of them, each with a sum that
    /// is long enough.
    fn splits(&self, tile: Tile) -> Vec<u32> {
        let Tile::Workgroup { size } = tile else { return Vec::new() };
        let rows = self.samples * self.height * self.width;
        let workgroups = rows.div_ceil(size) * (self.out_quads * 4).div_ceil(size);
        let depth = self.kernel * self.kernel * self.in_quads * 4;
        let is_worth = |splits: &u32| {
            workgroups < FEW_WORKGROUPS
                && workgroups * splits <= 2 * FEW_WORKGROUPS
                && depth / splits >= LEAST_DEPTH
        };
        [2, 4, 8, 16].into_iter().filter(is_worth).collect()
    }

    /// Whether it has the channels to be computed on matrix units.
    fn fills_matrices(&self) -> bool {
        matrices::fills([self.in_quads, self.out_quads])
    }

    /// Two for each multiply-add of a direct convolution.
    pub fn flops(&self) -> u64 {
        let products =
            u64::from(self.in_quads * 4 * self.kernel * self.kernel) * u64::from(self.out_quads * 4);
        2 * products * u64::from(self.samples * self.height) * u64::from(self.width)
    }
}

/// What methods may make use of: on a device, for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// How convolutions are tiled there.
    pub tile: Tile,
    /// Whether weights are, or may be, exactly f16.
    pub half_weights: bool,
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

/// How a context chooses a [`Method`] for a [`ConvShape`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Methods {
    /// By a rule from the shape.
    #[default]
    Rule,
    /// This algorithm wherever it can be.
    Fixed(Algorithm),
    /// These; shapes that are not among them go by the rule.
    Chosen(Arc<[(ConvShape, Method)]>),
}

impl Methods {
    /// The method for `shape` with what `abilities` says.
    pub fn of(&self, shape: &ConvShape, abilities: Abilities) -> Method {
        let direct =
            Method::new(Algorithm::Direct, abilities.tile.for_quads([shape.in_quads, shape.out_quads]));
        let wanted = match self {
            Self::Rule => Some(Method { algorithm: rule(shape, abilities.tile), ..direct }),
            Self::Fixed(algorithm) => {
                let tile = match algorithm {
                    Algorithm::Direct => direct.tile,
                    Algorithm::Winograd => abilities.tile.without_matrices(),
                };
                Some(Method::new(*algorithm, tile))
            }
            Self::Chosen(chosen) => {
                chosen.iter().find(|(known, _)| known == shape).map(|(_, method)| *method)
            }
        };
        wanted.filter(|method| shape.allows(method, abilities)).unwrap_or(direct)
    }
}

/// On CPU adapters Winograd's algorithm is the faster where its matrix products outweigh what it moves to and fro, from 16
/// channels on; beyond 128 by 128 channels its weights, four times as large, would take too much memory. On GPUs that is to be
/// measured.
fn rule(shape: &ConvShape, tile: Tile) -> Algorithm {
    let few = shape.in_quads < 4 || shape.out_quads < 4;
    let many = shape.in_quads * shape.out_quads > 32 * 32;
    match tile {
        Tile::Registers if shape.allows_winograd() && !few && !many => Algorithm::Winograd,
        _ => Algorithm::Direct,
    }
}
