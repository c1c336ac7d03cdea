//! Host kernels of `shaders/gradient_norm.wgsl`: norm = √(Σ g²), factor = min(1, max_norm / (norm + 1e-6)), or 1 without
//! max_norm.

use crate::gpu::{Call, vectorised};
use crate::ops::chain::Chain;
use crate::ops::gradient_norm::GradientNorm;

/// Words of a task, and the partial sums that they leave: the shader's of a workgroup.
const WORDS: usize = 16384;
const SUMS: usize = 64;

/// The partial sums of one bank.
pub fn squares(call: &mut Call<'_>) {
    let params: GradientNorm = call.params();
    let gradients = &call.read(1)[..params.count as usize * 4];
    let first = params.first_partial as usize;
    let partials = &mut call.write(2)[first..][..gradients.len().div_ceil(WORDS) * SUMS];
    let level = call.level();
    call.team().for_each_piece(partials, SUMS, |ix, sums| {
        let words = &gradients[ix * WORDS..];
        sums.copy_from_slice(&sums_of_squares(level, &words[..words.len().min(WORDS)]));
    });
}

vectorised! {
    /// The sums over each 64th word.
    fn sums_of_squares<'a>(simd: S, words: &'a [f32]) -> [f32; SUMS] {
        let mut sums = [0.0; SUMS];
        let (lines, rest) = words.as_chunks::<SUMS>();
        for line in lines {
            for (sum, g) in sums.iter_mut().zip(line) {
                *sum += g * g;
            }
        }
        for (sum, g) in sums.iter_mut().zip(rest) {
            *sum += g * g;
        }
        sums
    }
}

/// The norm and the factor, of all banks' partial sums.
pub fn norm(call: &mut Call<'_>) {
    let params: GradientNorm = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let partials = &call.write(2)[..params.partials as usize];
    let (factor, norms) = (call.write(3), call.write(4));
    let norm = partials.iter().map(|&sum| f64::from(sum)).sum::<f64>().sqrt() as f32;
    norms[(chain.step % params.slots) as usize] = norm;
    factor[0] = if params.max_norm > 0.0 { (params.max_norm / (norm + 1e-6)).min(1.0) } else { 1.0 };
}
