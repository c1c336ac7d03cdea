//! matmul: every product, on sizes that fill no tile, with matrices apart, interleaved and not at the start.

use ddpm::gpu::{GpuContext, Recorder};
use ddpm::ops::matmul::{self, Product, Sizes, Strides};

use super::operand::Operand;
use super::{TOLERANCE, assert_fails, assert_relative_l2, assert_same_bits, block_on, gpu, normals, tilings};

/// What lies around an operand's matrices and spoils whatever it is read into, and what c is before.
const UNTOUCHED: f32 = f32::NAN;

/// Matrices of `rows` × `columns` for each sample and head in a buffer with gaps.
struct Matrices {
    samples: usize,
    heads: usize,
    rows: usize,
    columns: usize,
    strides: Strides,
}

impl Matrices {
    /// A head's matrix after the other, with gaps after rows, heads and samples.
    fn apart([samples, heads]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        let row = columns.div_ceil(4) + 1;
        let head = rows * row + 2;
        let strides = [3, heads * head + 1, head, row];
        Self::new([samples, heads], [rows, columns], strides)
    }

    /// The heads side by side in each row, as in q, k and v, with gaps after samples.
    fn interleaved([samples, heads]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        let head = columns.div_ceil(4);
        let row = 3 * heads * head;
        let strides = [2 * heads * head, (rows + 3) * row, head, row];
        Self::new([samples, heads], [rows, columns], strides)
    }

    fn new([samples, heads]: [usize; 2], [rows, columns]: [usize; 2], strides: [usize; 4]) -> Self {
        let [offset, sample, head, row] = strides.map(|quads| quads as u32);
        Self { samples, heads, rows, columns, strides: Strides { offset, sample, head, row } }
    }

    fn floats(&self) -> usize {
        let Strides { offset, sample, .. } = self.strides;
        4 * (offset as usize + sample as usize * self.samples)
    }

    /// Where an element is in memory; columns from `columns` on are padding.
    fn place(&self, [sample, head, row, column]: [usize; 4]) -> usize {
        let s = &self.strides;
        let quad =
            s.offset as usize + sample * s.sample as usize + head * s.head as usize + row * s.row as usize;
        4 * quad + column
    }

    /// Each row's (sample, head, row).
    fn each_row(&self) -> impl Iterator<Item = [usize; 3]> {
        let (heads, rows) = (self.heads, self.rows);
        (0..self.samples * heads * rows).map(move |ix| [ix / (heads * rows), ix / rows % heads, ix % rows])
    }

    /// Memory with random matrices, zeros in their padding and [`UNTOUCHED`] between their rows.
    fn random(&self, seed: u64) -> Vec<f32> {
        let mut memory = vec![UNTOUCHED; self.floats()];
        let values = normals(seed, self.samples * self.heads * self.rows * self.columns, 0.1, 1.0);
        for ([sample, head, row], values) in self.each_row().zip(values.chunks_exact(self.columns)) {
            let first = self.place([sample, head, row, 0]);
            memory[first..first + self.columns.next_multiple_of(4)].fill(0.0);
            memory[first..first + self.columns].copy_from_slice(values);
        }
        memory
    }
}

struct Case {
    product: Product,
    sizes: Sizes,
    /// a, b and c.
    matrices: [Matrices; 3],
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Case {
    fn new(product: Product, batch: [usize; 2], [rows, columns, depth]: [usize; 3], scale: f32) -> Self {
        let (a, b) = match product {
            Product::Nt => ([rows, depth], [columns, depth]),
            Product::Nn => ([rows, depth], [depth, columns]),
            Product::Tn => ([depth, rows], [depth, columns]),
        };
        let c = Matrices::interleaved(batch, [rows, columns]);
        let matrices = [Matrices::apart(batch, a), Matrices::interleaved(batch, b), c];
        let [samples, heads] = batch.map(|n| n as u32);
        let [rows, columns, depth] = [rows, columns, depth].map(|n| n as u32);
        let [a, b, c] = [0, 1, 2].map(|ix: usize| matrices[ix].strides);
        let sizes = Sizes { samples, heads, rows, columns, depth, scale, a, b, c };
        let (a, b) = (matrices[0].random(1), matrices[1].random(2));
        Self { product, sizes, matrices, a, b }
    }

    fn name(&self) -> String {
        let Sizes { samples, heads, rows, columns, depth, .. } = self.sizes;
        format!("{:?}, {samples} × {heads} of {rows} × {columns} over {depth}", self.product)
    }

    /// c's elements in the order of its rows.
    fn want(&self) -> Vec<f64> {
        let [a_at, b_at, c_at] = &self.matrices;
        let element = |[sample, head, row, column]: [usize; 4]| -> f64 {
            let terms = (0..self.sizes.depth as usize).map(|k| {
                let (in_a, in_b) = match self.product {
                    Product::Nt => ([row, k], [column, k]),
                    Product::Nn => ([row, k], [k, column]),
                    Product::Tn => ([k, row], [k, column]),
                };
                let a = self.a[a_at.place([sample, head, in_a[0], in_a[1]])];
                let b = self.b[b_at.place([sample, head, in_b[0], in_b[1]])];
                f64::from(a) * f64::from(b)
            });
            f64::from(self.sizes.scale) * terms.sum::<f64>()
        };
        let columns = c_at.columns;
        c_at.each_row().flat_map(|[n, h, r]| (0..columns).map(move |c| [n, h, r, c])).map(element).collect()
    }

    /// All of c's memory.
    fn run(&self, gpu: &GpuContext) -> Vec<f32> {
        let (a, b) = (Operand::new(gpu, &self.a), Operand::new(gpu, &self.b));
        let c = gpu.buffer_with("c", &vec![UNTOUCHED; self.matrices[2].floats()]).expect("memory");
        let mut recorder = Recorder::new(gpu);
        matmul::record(&mut recorder, "c", self.product, &self.sizes, [(&a).into(), (&b).into()], &c)
            .expect("recorded");
        recorder.finish().submit(gpu);
        block_on(gpu.read(&c)).expect("c")
    }

    /// Asserts that c's elements are `want`, its padding zero, and the rest of its memory as it was.
    fn assert_is(&self, name: &str, mut memory: Vec<f32>, want: &[f64]) {
        let c = &self.matrices[2];
        let mut found = Vec::with_capacity(want.len());
        for [sample, head, row] in c.each_row() {
            let first = c.place([sample, head, row, 0]);
            let (elements, padding) =
                memory[first..first + c.columns.next_multiple_of(4)].split_at_mut(c.columns);
            found.extend_from_slice(elements);
            assert!(padding.iter().all(|&value| value == 0.0), "{name}: {padding:?} in the padding");
            elements.fill(UNTOUCHED);
            padding.fill(UNTOUCHED);
        }
        assert!(
            memory.iter().all(|value| value.to_bits() == UNTOUCHED.to_bits()),
            "{name}: written outside of c"
        );
        assert_relative_l2(name, &found, want, TOLERANCE);
    }

    fn check(&self) {
        let want = self.want();
        for (tile, gpu) in tilings() {
            let name = format!("{}, {tile:?}", self.name());
            let memory = self.run(gpu);
            assert_same_bits(&name, &self.run(gpu), &memory);
            self.assert_is(&name, memory, &want);
        }
    }
}

const PRODUCTS: [Product; 3] = [Product::Nt, Product::Nn, Product::Tn];

#[test]
fn sizes_that_fill_no_tile() {
    let sizes = [
        [1, 1, 1],
        [1, 2, 3],
        [2, 1, 8],
        [3, 5, 1],
        [5, 3, 4],
        [7, 8, 9],
        [8, 7, 12],
        [4, 9, 5],
        [9, 13, 20],
        [1, 70, 64],
        [70, 1, 65],
        [65, 20, 70],
    ];
    for product in PRODUCTS {
        for size in sizes {
            Case::new(product, [1, 1], size, 1.0).check();
            Case::new(product, [3, 2], size, 0.37).check();
        }
    }
}

#[test]
fn the_products_of_attention() {
    for tokens in [1, 2, 3, 13, 35, 49, 64, 70] {
        for head_dim in [1, 3, 8, 12, 20, 64] {
            for (product, size) in PRODUCTS.into_iter().zip([
                [tokens, tokens, head_dim],
                [tokens, head_dim, tokens],
                [tokens, head_dim, tokens],
            ]) {
                Case::new(product, [2, 3], size, 1.0).check();
            }
        }
    }
}

#[test]
fn wrong_products_are_seen() {
    for product in PRODUCTS {
        let case = Case::new(product, [2, 2], [6, 6, 6], 0.5);
        let (memory, want) = (case.run(gpu()), case.want());
        case.assert_is("right", memory.clone(), &want);
        for other in PRODUCTS {
            if other != product {
                // All matrices are square and lie alike, so that only the transposition differs.
                let other = Case { product: other, ..Case::new(product, [2, 2], [6, 6, 6], 0.5) };
                assert_fails("another product", || case.assert_is("spoilt", other.run(gpu()), &want));
            }
        }
        let c = &case.matrices[2];
        let spoilt = [
            ("an element", c.place([1, 1, 5, 5]), 1.001),
            ("padding", c.place([1, 0, 2, 7]), 1e-30),
            ("before c", 0, 0.0),
            ("after a row's heads", c.place([0, 1, 0, 8]), 0.0),
        ];
        for (what, place, value) in spoilt {
            let mut memory = memory.clone();
            memory[place] = value;
            assert_fails(what, || case.assert_is("spoilt", memory, &want));
        }
    }
}
