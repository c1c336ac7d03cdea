// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
// (2011). Bit-exact on every adapter: integers alone.

// The 64-bit product a·b as (low word, high word), from the 16-bit halves a = a1·2^16 + a0, b = b1·2^16 + b0.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    // Neither sum overflows: (2^16 − 1)² + 2^16 − 1 < 2^32.
    let middle = a1 * b0 + ((a0 * b0) >> 16u);
    let middle_low = a0 * b1 + (middle & 0xffffu);
    return vec2<u32>(a * b, a1 * b1 + (middle >> 16u) + (middle_low >> 16u));
}

// Ten rounds: four random words from a counter (element / 4, t, sample, stream) and a key (the seed's low word,
// its high word).
fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let p0 = multiply_wide(0xd2511f53u, c.x);
        let p1 = multiply_wide(0xcd9e8d57u, c.z);
        c = vec4<u32>(p1.y ^ c.y ^ k.x, p1.x, p0.y ^ c.w ^ k.y, p0.x);
        k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}
