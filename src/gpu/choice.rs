//! How each convolution is computed natively: by what was chosen for all of them, by what was measured, or by the rule.

use std::sync::Arc;

use super::context::Tile;
use super::matrices;
use super::methods::{Algorithm, ConvShape, Method, rule};

/// Fewer workgroups than this leave much of a GPU idle.
const FEW_WORKGROUPS: u32 = 64;
/// A split's products for one output, at least: fewer would not outweigh another pass over the sums.
const LEAST_DEPTH: u32 = 256;

/// What methods may make use of: on a device, for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// How convolutions are tiled there.
    pub tile: Tile,
    /// Whether weights are, or may be, exactly f16.
    pub half_weights: bool,
}

impl ConvShape {
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
                let has_kernels = matches!(method.tile, Tile::Workgroup { .. } | Tile::Registers);
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
