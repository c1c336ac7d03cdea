//! All randomness: Philox4x32-10, a counter-based generator, and Box–Muller normals.
//!
//! A draw is a pure function of (seed, stream, t, sample, element), so it does not depend on the batch, on
//! the order of the work or on the machine: the words are bit-exact everywhere, and the shader's normals
//! follow these f64 ones to 1e-5.
//!
//! - Key: the 64-bit seed, low word first.
//! - Counter: (element / 4, t, sample, stream); element is the linear index in the sample's own [C, H, W].
//! - Word to uniform: [`uniform`]. Four words to four normals: [`normals`].
//!
//! Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

/// What a draw is for: the last word of the counter, so that no two purposes ever share a number.
///
/// In sampling, `sample` is the picture's index. In training it is step · batch + position in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Stream {
    /// x_T, the noise a chain starts from; t = T − 1.
    InitialNoise = 0,
    /// z of a reverse step; t = the original timestep, also when the chain is respaced.
    ReverseNoise = 1,
    /// ε of [`q_sample`](crate::diffusion::q_sample); t = the timestep.
    ForwardNoise = 2,
    /// The timestep drawn for a training sample; t = 0.
    Timestep = 3,
    /// Dropout masks; t = the layer's number.
    Dropout = 4,
    /// The order of the data, and its augmentation; t = the epoch.
    DataOrder = 5,
    /// Initial weights; t = 0, sample = the parameter's number.
    InitialWeights = 6,
    /// Whether a training sample loses its label (classifier-free guidance); t = 0.
    LabelDropout = 7,
}

pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(crate) const KEY_INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox4x32: four random words from a counter and a key.
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        [c0, c1, c2, c3] = [(p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32];
        k0 = k0.wrapping_add(KEY_INCREMENTS[0]);
        k1 = k1.wrapping_add(KEY_INCREMENTS[1]);
    }
    [c0, c1, c2, c3]
}

/// The key of a seed: its low word, then its high word.
pub fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// The four words for elements 4·`block_ix` to 4·`block_ix` + 3 of one sample.
pub fn word_block(seed: u64, stream: Stream, t: u32, sample: u32, block_ix: u32) -> [u32; 4] {
    philox4x32_10([block_ix, t, sample, stream as u32], key(seed))
}

/// The four standard normals for elements 4·`block_ix` to 4·`block_ix` + 3 of one sample.
pub fn normal_block(seed: u64, stream: Stream, t: u32, sample: u32, block_ix: u32) -> [f64; 4] {
    normals(word_block(seed, stream, t, sample, block_ix))
}

/// A word as a uniform number: ((x >> 9) + 0.5)·2⁻²³, exact in f32 and never 0 or 1.
pub fn uniform(word: u32) -> f64 {
    (f64::from(word >> 9) + 0.5) / f64::from(1 << 23)
}

/// Box–Muller: the four words of a block as four standard normals, (r cos 2πu₁, r sin 2πu₁) with
/// r = √(max(0, −2 ln u₀)), then the same of u₂ and u₃.
pub fn normals(words: [u32; 4]) -> [f64; 4] {
    let pair = |radius: u32, angle: u32| {
        let r = (-2.0 * uniform(radius).ln()).max(0.0).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * uniform(angle)).sin_cos();
        [r * cos, r * sin]
    };
    let ([n0, n1], [n2, n3]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [n0, n1, n2, n3]
}

/// The words of one sample's elements 0 to `out.len()` − 1.
pub fn fill_words(seed: u64, stream: Stream, t: u32, sample: u32, out: &mut [u32]) {
    for (block_ix, chunk) in (0..).zip(out.chunks_mut(4)) {
        chunk.copy_from_slice(&word_block(seed, stream, t, sample, block_ix)[..chunk.len()]);
    }
}

/// The standard normals of one sample's elements 0 to `out.len()` − 1; `out`: [C, H, W].
pub fn fill_normals(seed: u64, stream: Stream, t: u32, sample: u32, out: &mut [f64]) {
    for (block_ix, chunk) in (0..).zip(out.chunks_mut(4)) {
        chunk.copy_from_slice(&normal_block(seed, stream, t, sample, block_ix)[..chunk.len()]);
    }
}
