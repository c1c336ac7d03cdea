//! Device memory: storage buffers.

#[cfg(feature = "processor")]
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::context::{Device, GpuContext};
#[cfg(feature = "processor")]
use super::processor::Memory;
use crate::error::{Error, ErrorKind, Result};

/// Texels (`vec4<f32>`) in a row of a [`Texels`](super::Texels) texture; shaders split a linear index by it.
pub const TEXEL_ROW: u32 = 1024;

/// Slices of a buffer begin at multiples of this many words: WebGPU's `minStorageBufferOffsetAlignment`.
pub const SLICE_WORDS: u64 = 64;

/// Where a buffer's words are.
#[derive(Clone)]
pub(super) enum Place {
    #[cfg(feature = "gpu")]
    Wgpu(wgpu::Buffer),
    #[cfg(feature = "processor")]
    Host(Arc<Memory>),
}

/// A storage buffer of f32 or u32 words, or a slice of one. On adapters its size is padded to whole rows of texels, if it is not
/// small.
#[derive(Clone)]
pub struct Buffer {
    pub(super) place: Place,
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
    ///
    /// # Panics
    /// If it is memory of the processor.
    #[cfg(feature = "gpu")]
    pub fn raw(&self) -> &wgpu::Buffer {
        match &self.place {
            Place::Wgpu(raw) => raw,
            #[cfg(feature = "processor")]
            Place::Host(_) => panic!("a buffer of wgpu's"),
        }
    }

    /// Where it begins in what it is a slice of, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The words that kernels see, among those of what it is a slice of.
    #[cfg(feature = "processor")]
    pub(super) fn words(&self) -> std::ops::Range<usize> {
        (self.offset / 4) as usize..((self.offset + self.bound) / 4) as usize
    }

    /// Whether it is the same memory as `other`, from the same word on.
    pub fn is(&self, other: &Self) -> bool {
        let same = match (&self.place, &other.place) {
            #[cfg(feature = "gpu")]
            (Place::Wgpu(a), Place::Wgpu(b)) => a == b,
            #[cfg(feature = "processor")]
            (Place::Host(a), Place::Host(b)) => Arc::ptr_eq(a, b),
            #[cfg(all(feature = "gpu", feature = "processor"))]
            _ => false,
        };
        same && self.offset == other.offset
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
        Self { place: self.place.clone(), offset: self.offset + offset, bytes, bound }
    }

    /// Rows of texels that cover it.
    pub fn texel_rows(&self) -> u32 {
        self.bytes.div_ceil(u64::from(TEXEL_ROW) * 16) as u32
    }
}

impl GpuContext {
    /// A zeroed storage buffer of `words` 32-bit words.
    ///
    /// # Errors
    /// If it is larger than a binding may be.
    pub fn buffer(&self, label: &str, words: u64) -> Result<Buffer> {
        let bytes = words.max(4) * 4;
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => {
                let padded = bytes.next_multiple_of(u64::from(TEXEL_ROW) * 16);
                // Less than a quarter of a row is not worth the padding.
                let size = if bytes < 4096 { bytes.next_multiple_of(16) } else { padded };
                self.check_size(label, size)?;
                self.count_allocation(size);
                let usage =
                    wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
                let descriptor =
                    wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
                let place = Place::Wgpu(wgpu.device.create_buffer(&descriptor));
                Ok(Buffer { place, offset: 0, bytes, bound: size })
            }
            #[cfg(feature = "processor")]
            Device::Processor(_) => {
                let size = bytes.next_multiple_of(16);
                self.check_size(label, size)?;
                self.count_allocation(size);
                let place = Place::Host(Arc::new(Memory::new((size / 4) as usize)));
                Ok(Buffer { place, offset: 0, bytes, bound: size })
            }
        }
    }

    fn check_size(&self, label: &str, size: u64) -> Result<()> {
        let limit = self.largest_buffer();
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
        Ok(())
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
        self.write_at(buffer, 0, bytes);
    }

    /// Overwrites `buffer` from `offset` bytes on, a multiple of 4; as [`Self::write`].
    pub fn write_at(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => wgpu.queue.write_buffer(buffer.raw(), buffer.offset + offset, bytes),
            #[cfg(feature = "processor")]
            Device::Processor(processor) => processor.write(buffer, offset, bytes),
        }
    }

    pub(super) fn count_allocation(&self, bytes: u64) {
        self.inner.counters.allocations.fetch_add(1, Relaxed);
        self.inner.counters.allocated_bytes.fetch_add(bytes, Relaxed);
    }
}
