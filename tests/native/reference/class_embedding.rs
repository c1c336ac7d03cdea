//! The twin of class_embedding.

use super::activation::Activation;

/// out = x + table[label]; x: [dim], table: [labels, dim].
pub fn class_embedding(x: &Activation, table: &[f64], label: u32) -> Activation {
    let row = table.chunks_exact(x.channels).nth(label as usize).expect("a label of the table");
    Activation::embedding(x.data.iter().zip(row).map(|(x, entry)| x + entry).collect())
}

/// The gradient of [`class_embedding`] by the table: d_out in the label's row; that by x is d_out itself.
pub fn class_embedding_backward(table: &[f64], label: u32, d_out: &Activation) -> Vec<f64> {
    let mut d_table = vec![0.0; table.len()];
    d_table[label as usize * d_out.channels..][..d_out.channels].copy_from_slice(&d_out.data);
    d_table
}
