//! Textures that stand in for storage buffers where texel fetches are the faster loads, and uniform blocks.

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{GpuContext, TEXEL_ROW};

/// `vec4<f32>`s in an `rgba32float` texture, [`TEXEL_ROW`] a row: texel i is at (i mod 1024, i div 1024).
#[derive(Clone)]
pub struct Texels {
    pub(super) raw: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
}

impl Texels {
    /// Rows of [`TEXEL_ROW`] texels.
    pub fn rows(&self) -> u32 {
        self.raw.height()
    }
}

impl GpuContext {
    pub(super) fn uniform(&self, label: &str, bytes: &[u8]) -> wgpu::Buffer {
        self.count_allocation(bytes.len() as u64);
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let buffer = self.device().create_buffer(&descriptor);
        self.queue().write_buffer(&buffer, 0, bytes);
        buffer
    }

    /// The most bytes that a texture of texels may have.
    pub fn largest_texels(&self) -> u64 {
        u64::from(self.device().limits().max_texture_dimension_2d) * u64::from(TEXEL_ROW) * 16
    }

    /// A texture of `rows` rows of texels.
    ///
    /// # Errors
    /// If it has more rows than a texture may.
    pub fn texels(&self, label: &str, rows: u32) -> Result<Texels> {
        let limit = self.device().limits().max_texture_dimension_2d;
        if rows > limit {
            return Err(Error::new(
                ErrorKind::Limits,
                format!("{label} needs a texture of {rows} rows, this adapter allows {limit}"),
            ));
        }
        self.count_allocation(u64::from(rows) * u64::from(TEXEL_ROW) * 16);
        let raw = self.device().create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d { width: TEXEL_ROW, height: rows.max(1), depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = raw.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Texels { raw, view })
    }

    /// A texture holding `data`, padded with zeros.
    ///
    /// # Errors
    /// As [`Self::texels`].
    pub fn texels_with(&self, label: &str, mut data: Vec<f32>) -> Result<Texels> {
        let row = TEXEL_ROW as usize * 4;
        data.resize(data.len().max(1).next_multiple_of(row), 0.0);
        let rows = (data.len() / row) as u32;
        let texels = self.texels(label, rows)?;
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(TEXEL_ROW * 16),
            rows_per_image: None,
        };
        let size = wgpu::Extent3d { width: TEXEL_ROW, height: rows, depth_or_array_layers: 1 };
        self.queue().write_texture(texels.raw.as_image_copy(), bytemuck::cast_slice(&data), layout, size);
        Ok(texels)
    }
}
