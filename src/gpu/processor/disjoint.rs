//! Memory that tasks write side by side, where no slice of it is one task's alone.

use std::marker::PhantomData;
use std::ops::Range;

/// Words of which several tasks write different ones.
pub struct Disjoint<'a> {
    start: *mut f32,
    words: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: `part` is unsafe, and its callers see to it that parts that are used at once do not overlap.
unsafe impl Sync for Disjoint<'_> {}

impl<'a> Disjoint<'a> {
    /// All of `words`.
    pub fn new(words: &'a mut [f32]) -> Self {
        Self { start: words.as_mut_ptr(), words: words.len(), lifetime: PhantomData }
    }

    /// Some of the words.
    ///
    /// # Safety
    /// Parts that live at the same time must not overlap.
    ///
    /// # Panics
    /// If there are fewer words.
    #[expect(clippy::mut_from_ref, reason = "parts do not overlap")]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.words, "a part of the words");
        // SAFETY: the range lies in the words, which this borrows for its lifetime, and the caller has the part alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
