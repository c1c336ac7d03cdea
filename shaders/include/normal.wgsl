// Standard normals from Philox words by Box–Muller, |Δ| ≤ 1e-5 against f64 on every adapter.
//
// u = ((word >> 9) + 1/2)·2^-23, exact in f32 and never 0 or 1. Words (w0, w1) give
// (r cos 2π·u1, r sin 2π·u1) with r = √(−2 ln u0), and (w2, w3) give two more in the same way.
// The logarithm is our own, from the integer: WGSL's may be off by 2^-21 where a normal needs it most, near 1.

//#import philox
//#import turns

// The four normals for elements 4·block_ix to 4·block_ix + 3 of one sample; key = (low, high) word of the seed.
fn normal_block(key: vec2<u32>, stream: u32, t: u32, sample: u32, block_ix: u32) -> vec4<f32> {
    return normals_of_words(philox4x32_10(vec4<u32>(block_ix, t, sample, stream), key));
}

fn normals_of_words(words: vec4<u32>) -> vec4<f32> {
    // 2^32·u of an angle, exactly: the 23 bits kept, and half of the last one's worth.
    let first = radius_of_word(words.x) * cos_sin_turns((words.y & 0xfffffe00u) | 0x100u);
    let second = radius_of_word(words.z) * cos_sin_turns((words.w & 0xfffffe00u) | 0x100u);
    return vec4<f32>(first, second);
}

// √(−2 ln u) with u = odd / 2^24 and odd = 2·(word >> 9) + 1.
//
// u = f·2^-shift with 1/√2 ≤ f < √2. Then f − 1 = w is exact in f32 (24 bits at most), so small radii (u near 1)
// keep their relative precision; and ln f = 2 artanh(s), s = w / (2 + w), |s| ≤ 0.1716, whose series to s^9 is
// good to s^11/11 (2e-9 relative). At most 33.3, at least 1.2e-7: the root is never of 0 nor of less.
fn radius_of_word(word: u32) -> f32 {
    let odd = ((word >> 9u) << 1u) + 1u;
    var shift = 23u - firstLeadingBit(odd);
    // 2^24/√2, rounded up.
    if (odd << shift) < 11863284u {
        shift += 1u;
    }
    let w = f32(bitcast<i32>((odd << shift) - 16777216u)) * (1.0 / 16777216.0);
    let s = w / (2.0 + w);
    let z = s * s;
    let artanh = s + s * z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    // −2 ln u = 2 ln 2·shift − 4 artanh(s).
    return sqrt(1.3862943611198906 * f32(shift) - 4.0 * artanh);
}
