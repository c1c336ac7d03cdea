//! Device memory: storage buffers, and textures that stand in for them where texel fetches are the faster loads.

use std::sync::atomic::Ordering::Relaxed;

use super::context::GpuContext;
use crate::error::{Error, ErrorKind, Result};

/// Texels (`vec4<f32>`) in a row of a [`Texels`] texture; shaders split a linear index by it.
pub const TEXEL_ROW: u32 = 1024;

/// Slices of a buffer begin at multiples of this many words: WebGPU's `minStorageBufferOffsetAlignment`.
pub const SLICE_WORDS: u64 = 64;

/// A storage buffer of f32 or u32 words, or a slice of one. Its size is padded to whole rows of texels, if it is not small.
#[derive(Clone)]
pub struct Buffer {
    pub(super) raw: wgpu::Buffer,
    offset: u64,
    bytes: u64,
    /// Bytes that kernels see: [`Self::bytes`] and the padding that belongs to it.
    pub(super) bound: u64,
}

impl Buffer {
    /// Bytes asked for, without padding.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The wgpu buffer; a slice's begins at [`Self::offset`] of it.
    pub fn raw(&self) -> &wgpu::Buffer {
        &self.raw
    }

    /// Where it begins in [`Self::raw`], in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// `words` words from `first_word` on, as a buffer of its own over the same memory. A dispatch may not read one slice
    /// of a buffer and write another.
    ///
    /// # Panics
    /// If `first_word` is no multiple of [`SLICE_WORDS`], or the slice is empty or ends behind the buffer.
    #[must_use]
    pub fn slice(&self, first_word: u64, words: u64) -> Self {
        let (offset, bytes) = (first_word * 4, words * 4);
        assert!(
            first_word.is_multiple_of(SLICE_WORDS) && words > 0 && offset + bytes <= self.bytes,
            "a slice of a buffer"
        );
        let bound = bytes.next_multiple_of(16).min(self.bound - offset);
        Self { raw: self.raw.clone(), offset: self.offset + offset, bytes, bound }
    }

    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.raw,
            offset: self.offset,
            size: wgpu::BufferSize::new(self.bound),
        })
    }

    /// Rows of texels that cover it.
    pub fn texel_rows(&self) -> u32 {
        self.bytes.div_ceil(u64::from(TEXEL_ROW) * 16) as u32
    }
}

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
    /// A zeroed storage buffer of `words` 32-bit words.
    ///
    /// # Errors
    /// If it is larger than a binding may be.
    pub fn buffer(&self, label: &str, words: u64) -> Result<Buffer> {
        let bytes = words.max(4) * 4;
        let padded = bytes.next_multiple_of(u64::from(TEXEL_ROW) * 16);
        // Less than a quarter of a row is not worth the padding.
        let size = if bytes < 4096 { bytes.next_multiple_of(16) } else { padded };
        let limits = self.device().limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if size > limit {
            return Err(Error::new(
                ErrorKind::Limits,
                format!(
                    "{label} needs {} MiB in one buffer, this adapter allows {}",
                    size >> 20,
                    limit >> 20
                ),
            ));
        }
        self.count_allocation(size);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        Ok(Buffer { raw: self.device().create_buffer(&descriptor), offset: 0, bytes, bound: size })
    }

    /// A storage buffer holding `data`.
    ///
    /// # Errors
    /// As [`Self::buffer`].
    pub fn buffer_with<T: bytemuck::NoUninit>(&self, label: &str, data: &[T]) -> Result<Buffer> {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let buffer = self.buffer(label, (bytes.len() as u64).div_ceil(4))?;
        self.write(&buffer, bytes);
        Ok(buffer)
    }

    /// Overwrites the start of `buffer`; ordered before whatever is submitted next.
    pub fn write(&self, buffer: &Buffer, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.queue().write_buffer(&buffer.raw, buffer.offset, bytes);
        }
    }

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

    fn count_allocation(&self, bytes: u64) {
        self.inner.counters.allocations.fetch_add(1, Relaxed);
        self.inner.counters.allocated_bytes.fetch_add(bytes, Relaxed);
    }
}
