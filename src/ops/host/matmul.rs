//! Host kernels of `shaders/matmul.wgsl`: for each sample and head, c = scale · a · bᵀ (`matmul_nt`), a · b (`matmul_nn`) or
//! aᵀ · b (`matmul_tn`).

use super::product::{self, Product as Block, Rows};
use super::scratch;
use crate::gpu::{Call, Disjoint};
use crate::ops::matmul::{Matmul, Product};

/// Rows of c that a task has.
const TASK_ROWS: usize = 48;

/// c = scale · a · bᵀ.
pub fn matmul_nt(call: &mut Call<'_>) {
    matmul(call, Product::Nt);
}

/// c = scale · a · b.
pub fn matmul_nn(call: &mut Call<'_>) {
    matmul(call, Product::Nn);
}

/// c = scale · aᵀ · b.
pub fn matmul_tn(call: &mut Call<'_>) {
    matmul(call, Product::Tn);
}

fn matmul(call: &mut Call<'_>, kind: Product) {
    let sizes: Matmul = call.params();
    let (level, team) = (call.level(), call.team());
    let (a, b, c) = (call.read(0), call.read(1), call.write(2));
    let [rows, columns, depth] = [sizes.rows, sizes.columns, sizes.depth].map(|n| n as usize);
    let padded = columns.next_multiple_of(4);
    let words = product::packed_words(level, depth, columns);
    let matrices = (sizes.samples * sizes.heads) as usize;
    let first = |[offset, sample, head]: [u32; 3], matrix: usize| {
        let (at_sample, at_head) = (matrix as u32 / sizes.heads, matrix as u32 % sizes.heads);
        (offset + at_sample * sample + at_head * head) as usize * 4
    };
    let c = Disjoint::new(c);
    scratch::with(matrices * words, |packed| {
        team.for_each_piece(packed, words, |matrix, panels| {
            let b = &b[first([sizes.b_offset, sizes.b_sample, sizes.b_head], matrix)..];
            let stride = sizes.b_row as usize * 4;
            match kind {
                Product::Nt => product::pack_transposed(level, b, stride, depth, columns, panels),
                Product::Nn | Product::Tn => product::pack(level, b, stride, columns, panels),
            }
        });
        let blocks = rows.div_ceil(TASK_ROWS);
        team.for_each(matrices * blocks, |task| {
            let (matrix, from) = (task / blocks, task % blocks * TASK_ROWS);
            let count = TASK_ROWS.min(rows - from);
            let a = &a[first([sizes.a_offset, sizes.a_sample, sizes.a_head], matrix)..];
            let stride = sizes.a_row as usize * 4;
            let panels = &packed[matrix * words..][..words];
            let to = first([sizes.c_offset, sizes.c_sample, sizes.c_head], matrix);
            let c_row = sizes.c_row as usize * 4;
            scratch::with(count * (depth + padded), |memory| {
                let (transposed, out) = memory.split_at_mut(count * depth);
                // Where nothing else lies between its rows, they are written where they belong.
                let side_by_side = c_row == padded;
                let out = match side_by_side {
                    // SAFETY: matrices do not overlap, nor rows of one, and each is computed by one task.
                    true => unsafe { c.part(to + from * c_row..to + (from + count) * c_row) },
                    false => out,
                };
                let a = match kind {
                    Product::Nt | Product::Nn => Rows { values: &a[from * stride..], stride, count },
                    Product::Tn => {
                        for (k, line) in a.chunks(stride).take(depth).enumerate() {
                            for (row, value) in
                                transposed.chunks_exact_mut(depth).zip(&line[from..from + count])
                            {
                                row[k] = *value;
                            }
                        }
                        Rows { values: transposed, stride: depth, count }
                    }
                };
                for row in out.chunks_exact_mut(padded) {
                    row[columns..].fill(0.0);
                }
                let block = Block { a, depth, panels, scale: sizes.scale, c: out, c_stride: padded, columns };
                product::run(level, block);
                if side_by_side {
                    return;
                }
                for (values, row) in out.chunks_exact(padded).zip(from..) {
                    let start = to + row * c_row;
                    // SAFETY: matrices do not overlap, nor rows of one, and each is computed by one task.
                    unsafe { c.part(start..start + padded) }.copy_from_slice(values);
                }
            });
        });
    });
}
