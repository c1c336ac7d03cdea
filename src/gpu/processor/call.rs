//! What a host kernel is called with.

use std::ops::Range;

use super::{Level, Memory, Processor, Team};
use crate::gpu::kernel::{Binding, Params};

/// A kernel as a function over the bindings and the uniform block of the shader of the same name.
pub type HostKernel = fn(&mut Call<'_>);

/// A bound buffer.
pub(in crate::gpu) struct Bound<'a> {
    pub(in crate::gpu) memory: &'a Memory,
    pub(in crate::gpu) words: Range<usize>,
    pub(in crate::gpu) binding: Binding,
}

/// One dispatch: the uniform block, what is bound, and who computes.
pub struct Call<'a> {
    processor: &'a Processor,
    params: &'a [u8],
    bound: &'a [Bound<'a>],
    /// A bit for each binding that was taken to be written.
    written: u32,
}

impl<'a> Call<'a> {
    /// # Safety
    /// While the call and what it hands out live, nothing else uses the words that are bound to be written, nothing writes
    /// those that are bound to be read, and what is bound to be written overlaps with nothing else that is bound.
    pub(in crate::gpu) unsafe fn new(
        processor: &'a Processor,
        params: &'a [u8],
        bound: &'a [Bound<'a>],
    ) -> Self {
        Self { processor, params, bound, written: 0 }
    }

    /// The uniform block.
    ///
    /// # Panics
    /// If the shader has another one.
    pub fn params<P: Params + bytemuck::AnyBitPattern>(&self) -> P {
        bytemuck::pod_read_unaligned(self.params)
    }

    /// The vector unit.
    pub fn level(&self) -> Level {
        self.processor.level
    }

    /// The threads.
    pub fn team(&self) -> &'a Team {
        &self.processor.team
    }

    /// Words bound to be read; `ix` counts the shader's bindings after the uniform block.
    ///
    /// # Panics
    /// If they are bound to be written.
    pub fn read(&self, ix: usize) -> &'a [f32] {
        let bound = &self.bound[ix];
        assert!(bound.binding == Binding::Read, "binding {ix} is read");
        // SAFETY: by the contract of `new`, nothing writes them while the call lives.
        unsafe { bound.memory.read(bound.words.clone()) }
    }

    /// As [`Self::read`], as whole numbers.
    ///
    /// # Panics
    /// As [`Self::read`].
    pub fn read_u32(&self, ix: usize) -> &'a [u32] {
        bytemuck::cast_slice(self.read(ix))
    }

    /// As [`Self::read`], as structs.
    ///
    /// # Panics
    /// As [`Self::read`].
    pub fn read_as<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(&self, ix: usize) -> &'a [T] {
        let words = self.read(ix);
        let whole = words.len() * 4 / size_of::<T>() * size_of::<T>() / 4;
        bytemuck::cast_slice(&words[..whole])
    }

    /// Words bound to be written, and also read; once.
    ///
    /// # Panics
    /// If they were taken already, or are bound to be read only.
    pub fn write(&mut self, ix: usize) -> &'a mut [f32] {
        let bound = &self.bound[ix];
        assert!(bound.binding == Binding::ReadWrite, "binding {ix} is written");
        assert!(self.written & 1 << ix == 0, "binding {ix} is taken once");
        self.written |= 1 << ix;
        // SAFETY: by the contract of `new` they are this call's alone, and they are handed out once.
        unsafe { bound.memory.write(bound.words.clone()) }
    }

    /// As [`Self::write`], as whole numbers.
    ///
    /// # Panics
    /// As [`Self::write`].
    pub fn write_u32(&mut self, ix: usize) -> &'a mut [u32] {
        bytemuck::cast_slice_mut(self.write(ix))
    }
}
