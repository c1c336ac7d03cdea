//! Host half of `shaders/include/normal.wgsl`: standard normals from Philox words by Box–Muller, |Δ| ≤ 1e-5 against f64.
//!
//! u = ((word >> 9) + ½)·2⁻²³. Words (w0, w1) give (r cos 2π·u1, r sin 2π·u1) with r = √(−2 ln u0), and (w2, w3) two more.

use super::philox::{self, BLOCKS, Draw, Source};
use super::turns::cos_sin_turns;
use crate::gpu::vectorised;

vectorised! {
    /// The normals of elements `first`, `first + 1`, … of a sample's own [C, H, W], as many as `out` holds.
    pub fn normals<'a>(simd: S, source: &'a Source, first: u32, out: &'a mut [f32]) {
        philox::fill::<Normal>(source, first, out);
    }
}

struct Normal;

impl Draw for Normal {
    type Value = f32;

    #[inline(always)]
    fn of_words(words: [[u32; BLOCKS]; 4]) -> [[f32; BLOCKS]; 4] {
        let mut normals = [[0.0; BLOCKS]; 4];
        for i in 0..BLOCKS {
            [normals[0][i], normals[1][i]] = pair(words[0][i], words[1][i]);
            [normals[2][i], normals[3][i]] = pair(words[2][i], words[3][i]);
        }
        normals
    }
}

#[inline(always)]
fn pair(radius: u32, angle: u32) -> [f32; 2] {
    let r = radius_of_word(radius);
    // 2^32·u of an angle, exactly: the 23 bits kept, and half of the last one's worth.
    let [cosine, sine] = cos_sin_turns(angle & 0xffff_fe00 | 0x100);
    [r * cosine, r * sine]
}

/// √(−2 ln u) with u = odd / 2^24 and odd = 2·(word >> 9) + 1.
///
/// u = f·2^−shift with 1/√2 ≤ f < √2. Then f − 1 = w is exact in f32, so small radii keep their relative precision; and
/// ln f = 2 artanh(s), s = w / (2 + w), |s| ≤ 0.1716, whose series to s⁹ is good to 2e-9. At most 33.3, at least 1.2e-7: the
/// root is never of 0 nor of less.
#[inline(always)]
fn radius_of_word(word: u32) -> f32 {
    // 1/√2, rounded up. Less its bits, those of `odd` have an exponent that counts from there.
    const HALF_OCTAVE: u32 = 0x3f35_04f4;
    // 24 bits, so exact.
    let odd = ((word >> 9) << 1 | 1) as i32 as f32;
    let bits = odd.to_bits() - HALF_OCTAVE;
    let shift = 24 - (bits >> 23) as i32;
    let w = f32::from_bits((bits & 0x7f_ffff) + HALF_OCTAVE) - 1.0;
    let s = w / (2.0 + w);
    let z = s * s;
    let artanh = s + s * z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    // −2 ln u = 2 ln 2·shift − 4 artanh(s).
    (1.386_294_4 * shift as f32 - 4.0 * artanh).sqrt()
}
