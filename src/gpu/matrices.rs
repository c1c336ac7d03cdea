//! Matrix units: which products are for them.

use super::context::Tile;

/// Products between fewer quads of channels would leave most of a matrix empty.
const LEAST_QUADS: u32 = 4;

/// Whether a product between so many quads of channels is for matrix units.
pub(super) fn fills(quads: [u32; 2]) -> bool {
    quads.into_iter().all(|quads| quads >= LEAST_QUADS)
}

impl Tile {
    /// The tiling of what is not for matrix units.
    pub fn without_matrices(self) -> Self {
        match self {
            Self::Matrices { .. } => Self::Workgroup { size: 32 },
            _ => self,
        }
    }

    /// The tiling of a product between so many quads of channels.
    pub fn for_quads(self, quads: [u32; 2]) -> Self {
        if fills(quads) { self } else { self.without_matrices() }
    }
}
