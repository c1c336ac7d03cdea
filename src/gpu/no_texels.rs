//! A build without adapters has no textures.

use super::buffer::Buffer;
use super::context::GpuContext;
use super::plan::Recorder;
use crate::error::{Error, ErrorKind, Result};

/// What stands in for a texture: nobody has one.
#[derive(Clone)]
pub struct Texels(());

impl Texels {
    /// None.
    pub fn rows(&self) -> u32 {
        0
    }
}

impl Recorder<'_> {
    /// Nothing, since there is nothing to copy into.
    pub fn copy_to_texels(&mut self, _: &Buffer, _: &Texels) {}
}

impl GpuContext {
    /// The most bytes that a texture may have.
    pub fn largest_texels(&self) -> u64 {
        0
    }

    /// No texture.
    ///
    /// # Errors
    /// Always.
    pub fn texels(&self, label: &str, _: u32) -> Result<Texels> {
        Err(Error::new(ErrorKind::Limits, format!("{label} needs a texture, this device has none")))
    }

    /// No texture.
    ///
    /// # Errors
    /// Always.
    pub fn texels_with(&self, label: &str, _: Vec<f32>) -> Result<Texels> {
        self.texels(label, 0)
    }
}
