//! What a kernel reads under a tiling, for tests that record kernels without a network.

use ddpm::gpu::{Arg, Buffer, GpuContext, Texels, Tile};

/// Values in a storage buffer, or as texels where register tiles read them so.
pub enum Operand {
    Buffer(Buffer),
    Texels(Texels),
}

impl Operand {
    pub fn new(gpu: &GpuContext, values: &[f32]) -> Self {
        match gpu.tile() {
            Tile::Processor | Tile::Naive | Tile::Workgroup { .. } | Tile::Matrices { .. } => {
                Self::Buffer(gpu.buffer_with("operand", values).expect("memory"))
            }
            Tile::Registers => Self::Texels(gpu.texels_with("operand", values.to_vec()).expect("memory")),
        }
    }
}

impl<'a> From<&'a Operand> for Arg<'a> {
    fn from(operand: &'a Operand) -> Self {
        match operand {
            Operand::Buffer(buffer) => buffer.into(),
            Operand::Texels(texels) => texels.into(),
        }
    }
}
