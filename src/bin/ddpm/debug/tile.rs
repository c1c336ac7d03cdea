//! Tilings on the command line.

use clap::ValueEnum;
use ddpm::error::Result;
use ddpm::gpu::{GpuContext, Tile};

use crate::device::Device;

/// The tilings by name.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum TileName {
    /// The adapter's own.
    Auto,
    /// One output an invocation.
    Naive,
    /// 32 x 32 in workgroup memory.
    Workgroup32,
    /// 64 x 64 in workgroup memory.
    Workgroup64,
    /// 4 pixels x 16 channels in registers.
    Registers,
}

impl TileName {
    /// The device, tiled so.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses a device.
    pub fn gpu(self, device: &Device) -> Result<GpuContext> {
        let gpu = device.gpu()?;
        Ok(self.tile().map_or(gpu.clone(), |tile| gpu.with_tile(tile)))
    }

    fn tile(self) -> Option<Tile> {
        match self {
            Self::Auto => None,
            Self::Naive => Some(Tile::Naive),
            Self::Workgroup32 => Some(Tile::Workgroup { size: 32 }),
            Self::Workgroup64 => Some(Tile::Workgroup { size: 64 }),
            Self::Registers => Some(Tile::Registers),
        }
    }
}
