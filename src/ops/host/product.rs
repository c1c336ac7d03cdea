//! Products of matrices, C = A · B: what convolutions and attention are made of.
//!
//! A's rows are read where they are. B is packed into *panels*, as many columns as a few vectors have, so that a block of C stays in
//! registers while the sum runs over the rows of a panel: an element of each row of A, times a row of the panel, at a time. A
//! sum is never cut, so its bits depend on nothing but its terms and the vector unit.

use pulp::{Scalar, Simd, WithSimd};

use crate::gpu::Level;

/// What is compiled for the blocks of each vector unit.
pub(super) trait Blocked {
    /// With blocks of `ROWS` rows by `VECTORS` vectors.
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S);
}

/// [`Blocked`], for blocks of one size.
struct Sized<B, const ROWS: usize, const VECTORS: usize>(B);

impl<B: Blocked, const ROWS: usize, const VECTORS: usize> WithSimd for Sized<B, ROWS, VECTORS> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run::<S, ROWS, VECTORS>(simd);
    }
}

/// Calls `blocked` as it was compiled for `level`, with the blocks that fill its registers.
pub(super) fn run(level: Level, blocked: impl Blocked) {
    match level {
        Level::Plain => Sized::<_, 4, 4>(blocked).with_simd(Scalar),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(simd) => Simd::vectorize(simd, Sized::<_, 6, 2>(blocked)),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(simd) => Simd::vectorize(simd, Sized::<_, 12, 2>(blocked)),
        #[cfg(target_arch = "aarch64")]
        Level::Neon(simd) => Simd::vectorize(simd, Sized::<_, 6, 4>(blocked)),
        #[cfg(target_arch = "wasm32")]
        Level::Simd128(simd) => Simd::vectorize(simd, Sized::<_, 6, 2>(blocked)),
    }
}

/// Columns of a panel.
pub(super) fn panel_columns(level: Level) -> usize {
    match level.name() {
        "avx512" => 32,
        "avx2" | "neon" => 16,
        "simd128" => 8,
        _ => 4,
    }
}

/// Words of the panels of `depth` rows and `columns` columns.
pub(super) fn packed_words(level: Level, depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(panel_columns(level))
}

/// Packs rows of `columns` columns, `stride` words apart, into panels.
pub(super) fn pack(level: Level, rows: &[f32], stride: usize, columns: usize, panels: &mut [f32]) {
    let width = panel_columns(level);
    let depth = panels.len() / columns.next_multiple_of(width);
    for (panel, first) in panels.chunks_exact_mut((depth * width).max(1)).zip((0..).step_by(width)) {
        let wide = width.min(columns - first);
        for (to, row) in panel.chunks_exact_mut(width).zip(rows.chunks(stride)) {
            to[..wide].copy_from_slice(&row[first..first + wide]);
            to[wide..].fill(0.0);
        }
    }
}

/// Packs the transpose of rows of `depth` columns, `stride` words apart, into panels; there are `columns` rows.
pub(super) fn pack_transposed(
    level: Level,
    rows: &[f32],
    stride: usize,
    depth: usize,
    columns: usize,
    panels: &mut [f32],
) {
    let width = panel_columns(level);
    for (panel, first) in panels.chunks_exact_mut((depth * width).max(1)).zip((0..).step_by(width)) {
        let wide = width.min(columns - first);
        if wide < width {
            panel.fill(0.0);
        }
        for (column, row) in rows[first * stride..].chunks(stride).take(wide).enumerate() {
            for (to, value) in panel.chunks_exact_mut(width).zip(&row[..depth]) {
                to[column] = *value;
            }
        }
    }
}

/// acc += rows · panel: as many terms as each row has elements; the panel has a row of vectors for each.
#[inline(always)]
pub(super) fn accumulate<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    acc: &mut [[S::f32s; VECTORS]; ROWS],
    rows: [&[f32]; ROWS],
    panel: &[S::f32s],
) {
    let depth = panel.len() / VECTORS;
    let rows = rows.map(|row| &row[..depth]);
    let mut sums = *acc;
    for (k, b) in panel.chunks_exact(VECTORS).enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let a = simd.splat_f32s(row[k]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, *b, *sum);
            }
        }
    }
    *acc = sums;
}

/// Where rows of A begin, and how many there are.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// c = scale · a · panels, of `depth` terms; c's rows are `c_stride` words apart and `columns` wide.
pub(super) struct Product<'a> {
    pub(super) a: Rows<'a>,
    pub(super) depth: usize,
    pub(super) panels: &'a [f32],
    pub(super) scale: f32,
    pub(super) c: &'a mut [f32],
    pub(super) c_stride: usize,
    pub(super) columns: usize,
}

impl Blocked for Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { a, depth, panels, scale, c, c_stride, columns } = self;
        let width = VECTORS * S::F32_LANES;
        for (panel, first) in panels.chunks_exact((depth * width).max(1)).zip((0..).step_by(width)) {
            let (panel, _) = S::as_simd_f32s(panel);
            let wide = width.min(columns - first);
            for row in (0..a.count).step_by(ROWS) {
                // Rows past the last are the last one again, and not stored.
                let rows: [&[f32]; ROWS] =
                    std::array::from_fn(|r| &a.values[(row + r).min(a.count - 1) * a.stride..][..depth]);
                let mut acc = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                accumulate(simd, &mut acc, rows, panel);
                for (r, acc) in acc.iter().enumerate().take(a.count - row) {
                    let values = acc.map(|sum| simd.mul_f32s(sum, simd.splat_f32s(scale)));
                    let values: &[f32] = bytemuck::cast_slice(&values);
                    c[(row + r) * c_stride + first..][..wide].copy_from_slice(&values[..wide]);
                }
            }
        }
    }
}
