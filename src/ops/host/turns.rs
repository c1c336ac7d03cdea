//! Host half of `shaders/include/turns.wgsl`: cosine and sine of a phase in turns, without a branch.

use std::f32::consts::TAU;

/// (cos, sin) of `phase`·2π/2^32.
///
/// The phase wraps as an angle does, so its reduction to the nearest quarter turn is exact; what is left is at most π/4, where
/// the series' first omitted terms are below 2e-9.
#[inline(always)]
pub fn cos_sin_turns(phase: u32) -> [f32; 2] {
    let quarter = phase.wrapping_add(0x2000_0000) >> 30;
    let x = phase.wrapping_sub(quarter << 30) as i32 as f32 * (TAU / 4_294_967_296.0);
    let z = x * x;
    let c6 = -1.0 / 720.0 + z * (1.0 / 40320.0 + z * (-1.0 / 3_628_800.0));
    let cosine = 1.0 + z * (-1.0 / 2.0 + z * (1.0 / 24.0 + z * c6));
    let s5 = 1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362_880.0));
    let sine = x + x * z * (-1.0 / 6.0 + z * s5);
    // A quarter turn takes (cos, sin) to (−sin, cos), two negate both.
    let (cosine, sine) = if quarter & 1 == 1 { (sine, cosine) } else { (cosine, sine) };
    [negate_second_half(cosine, quarter + 1), negate_second_half(sine, quarter)]
}

/// −`value` where `quarter` mod 4 is 2 or 3.
#[inline(always)]
fn negate_second_half(value: f32, quarter: u32) -> f32 {
    f32::from_bits(value.to_bits() ^ (quarter & 2) << 30)
}
