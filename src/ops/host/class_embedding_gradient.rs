//! Host kernel of `shaders/class_embedding_gradient.wgsl`: d_table\[l\] += Σ d_out\[n\] over n with label l.

use super::rows::add;
use crate::gpu::Call;
use crate::ops::class_embedding_gradient::ClassEmbeddingGradient;

/// The sums, in the batch's order: few, on this thread.
pub fn class_embedding_gradient(call: &mut Call<'_>) {
    let params: ClassEmbeddingGradient = call.params();
    let (width, labels) = (params.width4 as usize * 4, call.read_u32(0));
    let d_table = call.write(2);
    let rows = call.read(1).chunks_exact(width.max(1)).take(params.rows as usize);
    for (d_out, &label) in rows.zip(labels) {
        add(&mut d_table[label as usize * width..][..width], d_out);
    }
}
