//! Tilings on the command line.

use clap::ValueEnum;
use ddpm::error::{Error, Result};
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
    /// If there is no such adapter, it refuses a device, or it has no shaders to be tiled.
    pub fn gpu(self, device: &Device) -> Result<GpuContext> {
        let gpu = device.gpu()?;
        match self.tile() {
            None => Ok(gpu),
            Some(tile) if gpu.processor().is_none() => Ok(gpu.with_tile(tile)),
            Some(_) => Err(Error::input(
                "--tile: expected an adapter that runs shaders, found the processor, which has a way of its own",
            )),
        }
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
