//! The processor's buffers: memory that clones of a buffer, and slices of it, share.

use std::cell::UnsafeCell;
use std::ops::Range;

/// A cache line, so that vectors do not straddle two.
#[repr(C, align(64))]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Line([f32; 16]);

/// Zeroed words.
pub struct Memory {
    lines: Box<[UnsafeCell<Line>]>,
}

// SAFETY: `read` and `write` are unsafe, and their callers see to it that no word is written while another thread uses it.
unsafe impl Sync for Memory {}

impl Memory {
    /// At least `words` zeros.
    pub(in crate::gpu) fn new(words: usize) -> Self {
        let lines = bytemuck::zeroed_slice_box::<Line>(words.div_ceil(16));
        // SAFETY: `UnsafeCell<Line>` has the layout of `Line`, and the box is not used as what it was.
        let lines = unsafe { Box::from_raw(Box::into_raw(lines) as *mut [UnsafeCell<Line>]) };
        Self { lines }
    }

    fn start(&self) -> *mut f32 {
        self.lines.as_ptr().cast_mut().cast()
    }

    /// Words of `range`.
    ///
    /// # Safety
    /// Nothing may write them while the slice lives.
    ///
    /// # Panics
    /// If there are fewer words.
    pub(in crate::gpu) unsafe fn read(&self, range: Range<usize>) -> &[f32] {
        assert!(range.start <= range.end && range.end <= self.lines.len() * 16, "words of a buffer");
        // SAFETY: the range lies in the allocation, every bit pattern is an f32, and the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(self.start().add(range.start), range.len()) }
    }

    /// Words of `range`, to be changed.
    ///
    /// # Safety
    /// Nothing else may use them while the slice lives.
    ///
    /// # Panics
    /// As [`Self::read`].
    #[expect(clippy::mut_from_ref, reason = "the words are in cells, and the caller has them alone")]
    pub(in crate::gpu) unsafe fn write(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.lines.len() * 16, "words of a buffer");
        // SAFETY: as in `read`, and the caller keeps everyone else away.
        unsafe { std::slice::from_raw_parts_mut(self.start().add(range.start), range.len()) }
    }
}
