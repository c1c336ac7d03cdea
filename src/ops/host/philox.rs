//! Host half of `shaders/include/philox.wgsl`: [`crate::rng::philox4x32_10`] of many counters side by side, which vectors like.

use crate::ops::chain::Chain;
use crate::rng::{KEY_INCREMENTS, MULTIPLIERS};

/// Counters that are taken through the rounds together: enough that one's multiplications hide another's.
pub const BLOCKS: usize = 16;

/// Key and counter of one sample's elements, but for the block.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The seed's low word, its high word.
    pub key: [u32; 2],
    /// The number of a [`crate::rng::Stream`].
    pub stream: u32,
    /// t of the counter.
    pub t: u32,
    /// The sample's index among all.
    pub sample: u32,
}

impl Source {
    /// That of sample `offset` of the batch of `chain`.
    pub fn new(chain: &Chain, stream: u32, t: u32, offset: u32) -> Self {
        let sample = chain.first_sample.wrapping_add(offset);
        Self { key: [chain.seed_lo, chain.seed_hi], stream, t, sample }
    }
}

/// The words of blocks `first` to `first + BLOCKS − 1`: word 0 of each, then word 1 of each, and so on.
#[inline(always)]
fn words(source: &Source, first: u32) -> [[u32; BLOCKS]; 4] {
    let mut c = [[0; BLOCKS], [source.t; BLOCKS], [source.sample; BLOCKS], [source.stream; BLOCKS]];
    for (block, ix) in c[0].iter_mut().zip(0..) {
        *block = first.wrapping_add(ix);
    }
    let mut key = source.key;
    for _ in 0..10 {
        let mut next = [[0; BLOCKS]; 4];
        for i in 0..BLOCKS {
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c[0][i]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c[2][i]);
            next[0][i] = (p1 >> 32) as u32 ^ c[1][i] ^ key[0];
            next[1][i] = p1 as u32;
            next[2][i] = (p0 >> 32) as u32 ^ c[3][i] ^ key[1];
            next[3][i] = p0 as u32;
        }
        c = next;
        key = [key[0].wrapping_add(KEY_INCREMENTS[0]), key[1].wrapping_add(KEY_INCREMENTS[1])];
    }
    c
}

/// What words are made into. A type rather than a closure, since those are not certain to be inlined, and so compiled for the
/// caller's vector unit.
pub trait Draw {
    /// Of what there is one a word.
    type Value: Copy + Default;

    /// Word 0 of each block, then word 1 of each, and so on; and what they are made into.
    fn of_words(words: [[u32; BLOCKS]; 4]) -> [[Self::Value; BLOCKS]; 4];
}

/// The words themselves.
pub struct Word;

impl Draw for Word {
    type Value = u32;

    #[inline(always)]
    fn of_words(words: [[u32; BLOCKS]; 4]) -> [[u32; BLOCKS]; 4] {
        words
    }
}

/// The draws of elements `first`, `first + 1`, … of a sample's own [C, H, W], as many as `out` holds.
#[inline(always)]
pub fn fill<D: Draw>(source: &Source, first: u32, out: &mut [D::Value]) {
    let (mut block, mut skipped, mut out) = (first / 4, (first % 4) as usize, out);
    while !out.is_empty() {
        let values = D::of_words(words(source, block));
        let mut in_order = [[D::Value::default(); 4]; BLOCKS];
        for (i, block) in in_order.iter_mut().enumerate() {
            *block = [values[0][i], values[1][i], values[2][i], values[3][i]];
        }
        let drawn = &in_order.as_flattened()[skipped..];
        let (now, rest) = out.split_at_mut(out.len().min(drawn.len()));
        now.copy_from_slice(&drawn[..now.len()]);
        (block, skipped, out) = (block.wrapping_add(BLOCKS as u32), 0, rest);
    }
}
