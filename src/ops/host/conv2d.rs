//! Host kernel of `shaders/conv2d.wgsl`: out = x ∗ w (+ bias) (+ embedding) (+ residual), directly or by Winograd's algorithm.
//!
//! Directly it is a product of matrices without the matrix: a row of A, the pixels under the taps of an output pixel, is read
//! where they are, a *segment* for each tap and source.

use std::ops::Range;

use pulp::Simd;

use super::product::{self, Blocked, accumulate};
use super::{scratch, winograd};
use crate::gpu::{Call, Disjoint, Level, vectorised};
use crate::ops::conv2d::{Conv2d, WeightsLayout};

/// Output pixels of a task: few enough for what they read to stay in a core's cache, while panels of weights go by.
const TASK_PIXELS: usize = 96;
/// Tasks of a convolution, at least, if it has as many panels.
const TASKS: usize = 16;
/// No pixel: outside of the picture, or between pixels that are apart.
const NOWHERE: u32 = u32::MAX;

/// out = x ∗ w and what is added.
pub fn conv2d(call: &mut Call<'_>) {
    let sizes: Conv2d = call.params();
    let level = call.level();
    let weights = call.read(2);
    match WeightsLayout::of(&sizes) {
        WeightsLayout::Panels => direct(call, &sizes, weights),
        WeightsLayout::Winograd => winograd::convolve(call, &sizes, weights),
        WeightsLayout::Rows if winograd::is_chosen(&sizes) => {
            scratch::with(winograd::packed_words(level, &sizes), |packed| {
                winograd::pack_with(call.team(), level, &sizes, weights, packed);
                winograd::convolve(call, &sizes, packed);
            });
        }
        WeightsLayout::Rows => {
            let (depth, columns) = (depth(&sizes), channels(sizes.out_quads));
            scratch::with(product::packed_words(level, depth, columns), |packed| {
                product::pack(level, weights, columns, columns, packed);
                direct(call, &sizes, packed);
            });
        }
    }
}

/// Words of `quads` quads.
pub(super) fn channels(quads: u32) -> usize {
    quads as usize * 4
}

/// Terms of a sum.
pub(crate) fn depth(sizes: &Conv2d) -> usize {
    (sizes.kernel * sizes.kernel) as usize * channels(sizes.a_quads + sizes.b_quads)
}

/// What is added to a convolution's sums before they are stored, and where.
#[derive(Clone, Copy)]
pub(super) struct Addends<'a> {
    sizes: Conv2d,
    bias: &'a [f32],
    embedding: &'a [f32],
    residual: &'a [f32],
}

impl<'a> Addends<'a> {
    pub(super) fn of(call: &Call<'a>, sizes: &Conv2d) -> Self {
        let or_none = |wanted: u32, ix: usize| if wanted == 0 { &[][..] } else { call.read(ix) };
        Self {
            sizes: *sizes,
            bias: or_none(sizes.has_bias, 3),
            embedding: or_none(sizes.has_embedding, 4),
            residual: or_none(sizes.has_residual, 5),
        }
    }

    /// Stores `values`, channels from `first` on of output pixel `row`, in `out`, which are the same channels.
    #[inline(always)]
    pub(super) fn store(&self, row: usize, first: usize, values: &[f32], out: &mut [f32]) {
        let (wide, columns) = (values.len(), channels(self.sizes.out_quads));
        if self.sizes.accumulate == 0 {
            out.copy_from_slice(values);
        } else {
            add(out, values);
        }
        if !self.bias.is_empty() {
            add(out, &self.bias[first..first + wide]);
        }
        if !self.embedding.is_empty() {
            let sample = row / (self.sizes.out_height * self.sizes.out_width) as usize;
            let at =
                channels(sample as u32 * self.sizes.embedding_stride + self.sizes.embedding_quad) + first;
            add(out, &self.embedding[at..at + wide]);
        }
        if !self.residual.is_empty() {
            add(out, &self.residual[row * columns + first..][..wide]);
        }
    }
}

impl Addends<'_> {
    /// Stores all channels of an output pixel.
    pub(super) fn store_row(&self, level: Level, row: usize, values: &[f32], out: &mut [f32]) {
        store_row(level, *self, row, values, out);
    }
}

vectorised! {
    fn store_row<'a>(simd: S, addends: Addends<'a>, row: usize, values: &'a [f32], out: &'a mut [f32]) {
        addends.store(row, 0, values, out);
    }
}

#[inline(always)]
fn add(out: &mut [f32], values: &[f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += *value;
    }
}

/// The pixel of the stored input that is read at `at` (y, x), or [`NOWHERE`].
#[inline(always)]
fn source_pixel(sizes: &Conv2d, sample: u32, y: i64, x: i64) -> u32 {
    let shift = sizes.upsample.min(1);
    let (height, width) = (i64::from(sizes.in_height << shift), i64::from(sizes.in_width << shift));
    let between = sizes.upsample == 2 && (y | x) & 1 != 0;
    if y < 0 || x < 0 || y >= height || x >= width || between {
        return NOWHERE;
    }
    (sample * sizes.in_height + (y as u32 >> shift)) * sizes.in_width + (x as u32 >> shift)
}

/// The pixels that the taps of output pixel `row` read.
fn fill_taps(sizes: &Conv2d, row: usize, taps: &mut [u32]) {
    let (line, x) = (row as u32 / sizes.out_width, row as u32 % sizes.out_width);
    let (sample, y) = (line / sizes.out_height, line % sizes.out_height);
    let origin = |at: u32| i64::from(at * sizes.stride) - i64::from(sizes.padding);
    for (tap, ix) in taps.iter_mut().zip(0..) {
        let (ky, kx) = (ix / sizes.kernel, ix % sizes.kernel);
        *tap = source_pixel(sizes, sample, origin(y) + i64::from(ky), origin(x) + i64::from(kx));
    }
}

/// Weights packed into panels, for the convolutions that are computed directly.
pub(crate) fn pack(level: Level, sizes: &Conv2d, weights: &[f32]) -> Vec<f32> {
    let columns = channels(sizes.out_quads);
    let mut panels = vec![0.0; product::packed_words(level, depth(sizes), columns)];
    product::pack(level, weights, columns, columns, &mut panels);
    panels
}

fn direct(call: &mut Call<'_>, sizes: &Conv2d, panels: &[f32]) {
    let (level, team) = (call.level(), call.team());
    let addends = Addends::of(call, sizes);
    let sources = [call.read(0), call.read(1)];
    let (rows, columns) = (sizes.rows as usize, channels(sizes.out_quads));
    let out = Disjoint::new(&mut call.write(6)[..rows * columns]);
    let zeros = vec![0.0; channels(sizes.a_quads.max(sizes.b_quads))];
    // Where there are few pixels, tasks have some of the output's channels each.
    let chunks = rows.div_ceil(TASK_PIXELS);
    let all = columns.div_ceil(product::panel_columns(level));
    let groups = TASKS.div_ceil(chunks).min(all);
    team.for_each(chunks * groups, |task| {
        let (chunk, group) = (task / groups, task % groups);
        let first = chunk * TASK_PIXELS;
        let count = TASK_PIXELS.min(rows - first);
        let taps_of_a_row = (sizes.kernel * sizes.kernel) as usize;
        let mut taps = [NOWHERE; TASK_PIXELS * 9];
        let taps = &mut taps[..count * taps_of_a_row];
        for (taps, row) in taps.chunks_exact_mut(taps_of_a_row).zip(first..) {
            fill_taps(sizes, row, taps);
        }
        let which = group * all / groups..(group + 1) * all / groups;
        let out = &out;
        product::run(
            level,
            Pixels { sizes, sources, zeros: &zeros, taps, panels, which, first, count, addends, out },
        );
    });
}

/// `count` output pixels from `first` on, and some of their channels.
struct Pixels<'a> {
    sizes: &'a Conv2d,
    sources: [&'a [f32]; 2],
    zeros: &'a [f32],
    /// The pixels of the input that each reads.
    taps: &'a [u32],
    panels: &'a [f32],
    /// Which of the panels.
    which: Range<usize>,
    first: usize,
    count: usize,
    addends: Addends<'a>,
    /// All pixels.
    out: &'a Disjoint<'a>,
}

impl Blocked for Pixels<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { sizes, sources, zeros, taps, panels, which, first, count, addends, out } = self;
        let (columns, width) = (channels(sizes.out_quads), VECTORS * S::F32_LANES);
        let (depth, taps_of_a_row) = (depth(sizes), (sizes.kernel * sizes.kernel) as usize);
        let lengths = [channels(sizes.a_quads), channels(sizes.b_quads)];
        for panel in which {
            let column = panel * width;
            let (panel, _) = S::as_simd_f32s(&panels[panel * depth * width..][..depth * width]);
            let wide = width.min(columns - column);
            for row in (0..count).step_by(ROWS) {
                let mut acc = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                let mut rest = panel;
                for tap in 0..taps_of_a_row {
                    // Rows past the last are the last one again, and not stored.
                    let pixels: [u32; ROWS] =
                        std::array::from_fn(|r| taps[(row + r).min(count - 1) * taps_of_a_row + tap]);
                    for (source, length) in sources.into_iter().zip(lengths) {
                        if length == 0 {
                            continue;
                        }
                        let part;
                        (part, rest) = rest.split_at(length * VECTORS);
                        let rows: [&[f32]; ROWS] = std::array::from_fn(|r| match pixels[r] {
                            NOWHERE => &zeros[..length],
                            pixel => &source[pixel as usize * length..][..length],
                        });
                        accumulate(simd, &mut acc, rows, part);
                    }
                }
                for (r, acc) in acc.iter().enumerate().take(count - row) {
                    let values: &[f32] = bytemuck::cast_slice(acc);
                    let at = (first + row + r) * columns + column;
                    // SAFETY: each pixel's channels are of one panel, which is one task's.
                    let out = unsafe { out.part(at..at + wide) };
                    addends.store(first + row + r, column, &values[..wide], out);
                }
            }
        }
    }
}
