//! The roofs' kernels for processors: host functions in place of `fma.wgsl` and `copy.wgsl`.

use ddpm::gpu::Call;
use pulp::{Simd, WithSimd};

use super::fma::Fma;

/// Words that a task computes: whole blocks of every vector unit.
const FMA_TASK: usize = 3 << 10;
/// Words that a task copies.
const COPY_TASK: usize = 1 << 16;

/// x = x · a + b with one rounding, where the vector unit has that.
pub(super) fn fused(call: &mut Call<'_>) {
    chains::<true>(call);
}

/// The same with two.
pub(super) fn separate(call: &mut Call<'_>) {
    chains::<false>(call);
}

/// out = x.
pub(super) fn copy(call: &mut Call<'_>) {
    let (x, out) = (call.read(0), call.write(1));
    call.team().for_each_piece(out, COPY_TASK, |ix, piece| {
        piece.copy_from_slice(&x[ix * COPY_TASK..][..piece.len()]);
    });
}

/// As many chains as the registers hold, so that none waits for another: a multiply-add takes about four cycles, and two to
/// four begin in each.
fn chains<const FUSED: bool>(call: &mut Call<'_>) {
    let (params, level) = (call.params::<Fma>(), call.level());
    let out = call.write(0);
    call.team().for_each_piece(out, FMA_TASK, |_, out| match level.name() {
        // Those have 32 registers.
        "avx512" | "neon" => level.run(Chains::<FUSED, 12> { params, out }),
        _ => level.run(Chains::<FUSED, 6> { params, out }),
    });
}

/// Two chains for each of `VECTORS` vectors at a time.
struct Chains<'a, const FUSED: bool, const VECTORS: usize> {
    params: Fma,
    out: &'a mut [f32],
}

impl<const FUSED: bool, const VECTORS: usize> WithSimd for Chains<'_, FUSED, VECTORS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (a, b) = (simd.splat_f32s(self.params.a), simd.splat_f32s(self.params.b));
        let (vectors, _) = S::as_mut_simd_f32s(self.out);
        for (block, first) in vectors.chunks_exact_mut(VECTORS).zip((0..).step_by(VECTORS)) {
            // Each begins elsewhere: of two that are the same, a compiler may leave one out.
            let mut chains = [[simd.splat_f32s(0.0); VECTORS]; 2];
            for (chain, ix) in chains.as_flattened_mut().iter_mut().zip(first..) {
                *chain = simd.splat_f32s(ix as f32);
            }
            for _ in 0..self.params.iterations {
                for chain in chains.as_flattened_mut() {
                    *chain = match FUSED {
                        true => simd.mul_add_e_f32s(*chain, a, b),
                        false => simd.add_f32s(simd.mul_f32s(*chain, a), b),
                    };
                }
            }
            let [x, y] = chains;
            for ((out, x), y) in block.iter_mut().zip(x).zip(y) {
                *out = simd.add_f32s(x, y);
            }
        }
    }
}
