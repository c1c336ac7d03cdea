// Cosine and sine of a phase in turns, by Taylor polynomials: WGSL promises only 2^-11 of its own.
//
// The phase is a u32, 2^32 to the turn, so that it wraps as an angle does and its reduction to the nearest
// quarter turn is exact. What is left is at most an eighth of a turn, |x| ≤ π/4, where the first omitted terms
// are x^11/11! < 2e-9 (sine) and x^12/12! < 2e-10 (cosine): |Δ| ≤ 2e-7, all of it rounding. cN and sN are the
// series from x^N on, divided by x^N.

// (cos, sin) of phase·2π/2^32.
fn cos_sin_turns(phase: u32) -> vec2<f32> {
    let quarter = (phase + 0x20000000u) >> 30u;
    let x = f32(bitcast<i32>(phase - (quarter << 30u))) * (6.283185307179586 / 4294967296.0);
    let z = x * x;
    let c6 = -1.0 / 720.0 + z * (1.0 / 40320.0 + z * (-1.0 / 3628800.0));
    let cosine = 1.0 + z * (-1.0 / 2.0 + z * (1.0 / 24.0 + z * c6));
    let s5 = 1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362880.0));
    let sine = x + x * z * (-1.0 / 6.0 + z * s5);
    // A quarter turn takes (cos, sin) to (−sin, cos), two negate both. The bias of an eighth wraps at the end of
    // the turn, where `quarter` is 0 again.
    let rotated = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
    return select(rotated, -rotated, (quarter & 2u) == 2u);
}
