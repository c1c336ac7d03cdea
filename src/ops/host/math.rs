//! Functions that host kernels compute lane by lane: without a branch, so that loops over them become vectors on any unit. And sums:
//! with explicit vectors, since a compiler may not change the order of a sum by itself.

use pulp::{Scalar, Simd};

/// Partial sums that are added side by side, so that one addition need not wait for the last.
const SIDE_BY_SIDE: usize = 4;

/// a · b + c, rounded once where the unit S does that in one instruction.
#[inline(always)]
pub fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    let is_fused = S::F32_LANES >= 8 || cfg!(target_arch = "aarch64") && S::F32_LANES > 1;
    if is_fused { a.mul_add(b, c) } else { a * b + c }
}

/// [`exp_on`] any unit.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    exp_on::<Scalar>(x)
}

/// e^x within 1e-7 of itself, for any x whose power is a normal f32; 1.2e-38 below those, 3.4e38 above. NaN stays NaN.
///
/// e^x = 2^n · e^r with n the whole number next to x / ln 2, so that |r| ≤ ½ ln 2: Cephes' polynomial, and n added to its exponent.
#[inline(always)]
pub fn exp_on<S: Simd>(x: f32) -> f32 {
    const LOWEST: f32 = -87.336_54;
    const HIGHEST: f32 = 88.722_83;
    // ln 2 in two parts; n times the first is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // 1.5 · 2^23: a sum with it has no bits below 1, and its lowest bits are the rounded number.
    const ROUND: f32 = 12_582_912.0;
    // Compared in this order, a NaN passes, and each line is one instruction.
    let x = if HIGHEST < x { HIGHEST } else { x };
    let x = if LOWEST > x { LOWEST } else { x };
    let rounded = mul_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = mul_add::<S>(n, -LN_2[1], mul_add::<S>(n, -LN_2[0], x));
    // Pairs of terms first: a shorter way than one term after the other.
    let r2 = r * r;
    let p01 = mul_add::<S>(1.666_666_5e-1, r, 0.5);
    let p23 = mul_add::<S>(8.333_452e-3, r, 4.166_579_6e-2);
    let p45 = mul_add::<S>(1.987_569_1e-4, r, 1.398_199_9e-3);
    let p = mul_add::<S>(mul_add::<S>(p45, r2, p23), r2, p01);
    let power = mul_add::<S>(p, r2, r) + 1.0;
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// silu(x) = x · σ, σ = 1 / (1 + e^−x).
#[inline(always)]
pub fn silu<S: Simd>(x: f32) -> f32 {
    x / (1.0 + exp_on::<S>(-x))
}

/// silu'(x) = σ · (1 + x · (1 − σ)); 1 − σ = e^−x · σ, which loses no digits.
#[inline(always)]
pub fn silu_gradient<S: Simd>(x: f32) -> f32 {
    let power = exp_on::<S>(-x);
    let sigmoid = 1.0 / (1.0 + power);
    sigmoid * mul_add::<S>(x, power * sigmoid, 1.0)
}

/// Reduces `x` by `combine`, first side by side, then lane by lane; `rest` gets what fills no vector.
#[inline(always)]
fn reduce<S: Simd>(
    simd: S,
    x: &[f32],
    neutral: f32,
    combine: impl Fn(S::f32s, S::f32s) -> S::f32s,
    lanes: impl Fn(S::f32s) -> f32,
    rest: impl Fn(f32, f32) -> f32,
) -> f32 {
    let (x, last) = S::as_simd_f32s(x);
    let (fours, x) = x.as_chunks::<SIDE_BY_SIDE>();
    let mut found = [simd.splat_f32s(neutral); SIDE_BY_SIDE];
    for x in fours {
        for (found, x) in found.iter_mut().zip(x) {
            *found = combine(*found, *x);
        }
    }
    for (found, x) in found.iter_mut().zip(x) {
        *found = combine(*found, *x);
    }
    let [a, b, c, d] = found;
    let all = lanes(combine(combine(a, b), combine(c, d)));
    last.iter().fold(all, |all, x| rest(all, *x))
}

/// Σ x.
#[inline(always)]
pub fn sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let lanes = |v| simd.reduce_sum_f32s(v);
    reduce(simd, x, 0.0, |a, b| simd.add_f32s(a, b), lanes, |a, b| a + b)
}

/// The largest of `x`.
#[inline(always)]
pub fn highest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let lanes = |v| simd.reduce_max_f32s(v);
    reduce(simd, x, f32::MIN, |a, b| simd.max_f32s(a, b), lanes, f32::max)
}

/// Σ x · y.
#[inline(always)]
pub fn dot<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let ((x, x_last), (y, y_last)) = (S::as_simd_f32s(x), S::as_simd_f32s(y));
    let ((x_fours, x), (y_fours, y)) = (x.as_chunks::<SIDE_BY_SIDE>(), y.as_chunks::<SIDE_BY_SIDE>());
    let mut sums = [simd.splat_f32s(0.0); SIDE_BY_SIDE];
    for (x, y) in x_fours.iter().zip(y_fours) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum = simd.mul_add_e_f32s(*x, *y, *sum);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum = simd.mul_add_e_f32s(*x, *y, *sum);
    }
    let [a, b, c, d] = sums;
    let all = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)));
    x_last.iter().zip(y_last).fold(all, |all, (x, y)| all + x * y)
}
