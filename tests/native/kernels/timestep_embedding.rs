//! timestep_embedding: lengths, both orders, both shifts, and every size of t.

use ddpm::graph::Op;

use super::{Builder, Case};

#[test]
fn sinusoids() {
    for (dim, freq_shift) in [
        (2, 0.0),
        (3, 0.0),
        (4, 1.0),
        (7, 1.0),
        (8, 0.0),
        (10, 1.0),
        (16, 0.0),
        (33, 1.0),
        (128, 1.0),
        (320, 0.0),
    ] {
        for flip_sin_to_cos in [false, true] {
            let mut b = Builder::new([1, 1], 1);
            let out = b.tensor([1, 1], &[dim]);
            b.push(Op::TimestepEmbedding { flip_sin_to_cos, freq_shift, out });
            let name = format!("{dim} channels, shift {freq_shift}, flip {flip_sin_to_cos}");
            let mut case = Case::new(name, b.finish(out), 8);
            case.timesteps = vec![0, 1, 2, 37, 500, 999, 1000, 3999];
            case.check();
        }
    }
}
