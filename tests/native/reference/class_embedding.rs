//! The twin of class_embedding.

use super::activation::Activation;

/// out = x + table[label]; x: [dim], table: [labels, dim].
pub fn class_embedding(x: &Activation, table: &[f64], label: u32) -> Activation {
    let row = table.chunks_exact(x.channels).nth(label as usize).expect("a label of the table");
    Activation::embedding(x.data.iter().zip(row).map(|(x, entry)| x + entry).collect())
}
