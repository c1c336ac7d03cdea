//! linear and class_embedding: stacked layers, SiLU before them, labels that come twice.

use ddpm::graph::Op;

use super::finite_differences::Case;
use crate::kernels::builder::Builder;

fn linear(inputs: u32, layers: &[u32], silu: bool, batch: u32) -> Case {
    let mut b = Builder::new([1, 1], inputs);
    let (x, out) = (b.x(), b.tensor([1, 1], layers));
    let layers_of = layers.iter().map(|&n| b.layer(&[n, inputs])).collect();
    b.push(Op::Linear { x, silu, layers: layers_of, out });
    Case::new(format!("{inputs} → {layers:?}, silu {silu}, batch {batch}"), b.finish(out), batch)
}

/// A tensor that a linear layer and a class embedding both read, and labels 1, 3, 0, 2, … of `classes`.
fn class_embedding(dim: u32, classes: u32, batch: u32) -> Case {
    let mut b = Builder::new([1, 1], dim);
    let (x, hidden, labelled, out) =
        (b.x(), b.tensor([1, 1], &[dim]), b.tensor([1, 1], &[dim]), b.tensor([1, 1], &[3]));
    let layers = vec![b.layer(&[dim, dim])];
    b.push(Op::Linear { x, silu: false, layers, out: hidden });
    let layers = vec![b.layer(&[3, dim])];
    let table = b.param("table.weight", &[classes, dim]);
    b.push(Op::ClassEmbedding { x: hidden, table, out: labelled });
    b.push(Op::Linear { x: labelled, silu: true, layers, out });
    let name = format!("{dim} channels, {classes} classes, batch {batch}");
    Case::new(name, b.finish_with_classes(out, classes), batch)
}

#[test]
fn linear_layers() {
    for (inputs, layers) in
        [(1, vec![1]), (3, vec![2]), (6, vec![10]), (10, vec![3, 5, 1]), (7, vec![33, 2]), (33, vec![8, 8])]
    {
        for silu in [false, true] {
            linear(inputs, &layers, silu, 1).check();
            linear(inputs, &layers, silu, 3).check();
        }
    }
}

#[test]
fn class_embeddings() {
    for (dim, classes, batch) in [(1, 1, 1), (3, 5, 3), (4, 2, 5), (10, 11, 3)] {
        Case { elements: 12, ..class_embedding(dim, classes, batch) }.check();
    }
}

#[test]
fn wrong_gradients_are_seen() {
    linear(6, &[4, 3], true, 2).check_that_wrong_gradients_are_seen();
    class_embedding(3, 2, 3).check_that_wrong_gradients_are_seen();
}
