//! Host kernel of `shaders/class_embedding.wgsl`: out\[n\] = x\[n\] + table\[labels\[n\]\].

use crate::gpu::Call;
use crate::ops::class_embedding::ClassEmbedding;

/// The sums: few, on this thread.
pub fn class_embedding(call: &mut Call<'_>) {
    let params: ClassEmbedding = call.params();
    let (width, labels, table) = (params.width4 as usize * 4, call.read_u32(1), call.read(2));
    let out = &mut call.write(3)[..params.rows as usize * width];
    let rows = out.chunks_exact_mut(width.max(1)).zip(call.read(0).chunks_exact(width.max(1)));
    for ((out, x), &label) in rows.zip(labels) {
        let row = &table[label as usize * width..][..width];
        for ((out, x), entry) in out.iter_mut().zip(x).zip(row) {
            *out = x + entry;
        }
    }
}
