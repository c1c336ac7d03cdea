//! class_embedding: widths, batches, first and last row.

use ddpm::graph::Op;

use super::{Builder, Case};

#[test]
fn rows_are_added() {
    for (dim, classes, batch) in [(1, 1, 1), (3, 5, 3), (4, 2, 2), (10, 11, 3), (33, 3, 5), (300, 4, 3)] {
        let mut b = Builder::new([1, 1], dim);
        let (x, out) = (b.x(), b.tensor([1, 1], &[dim]));
        let table = b.param("table.weight", &[classes, dim]);
        b.push(Op::ClassEmbedding { x, table, out });
        let name = format!("{dim} channels, {classes} classes, batch {batch}");
        Case::new(name, b.finish_with_classes(out, classes), batch).check();
    }
}
