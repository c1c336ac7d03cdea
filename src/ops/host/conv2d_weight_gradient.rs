//! Host kernel of `shaders/conv2d_weight_gradient.wgsl`: d_w[tap, ci, co] = Σ_p x[p under tap, ci] · d_out[p, co].
//!
//! A few lines of pixels at a time, while they are in a core's cache: for each tap, a few input channels and a panel of output
//! channels, a block of d_w that stays in registers.

use pulp::Simd;

use super::conv2d::channels;
use super::product::{self, Blocked};
use super::scratch;
use crate::gpu::Call;
use crate::ops::conv2d::Conv2dWeightGradient;

/// Output pixels whose products are added up before they go to memory.
const CHUNK_PIXELS: usize = 128;
/// Tasks that a gradient is cut into, about.
const TASKS: usize = 32;

/// Partial sums of the gradient, each over some of the lines of pixels.
pub fn conv2d_weight_gradient(call: &mut Call<'_>) {
    let sizes: Conv2dWeightGradient = call.params();
    let (level, team) = (call.level(), call.team());
    let (x, d_out) = (call.read(0), call.read(1));
    let row = channels(sizes.weight_quads);
    let taps = (sizes.kernel * sizes.kernel) as usize;
    let splits = sizes.splits as usize;
    let partials = &mut call.write(2)[..splits * taps * channels(sizes.k_quads) * row];
    // Of each split and tap, this source's rows, some at a time.
    let rows = channels(sizes.x_quads);
    let rows_of_a_task = rows.div_ceil(TASKS.div_ceil(splits * taps)).next_multiple_of(12).min(rows);
    let (first, last) = (channels(sizes.k_offset) * row, channels(sizes.k_offset + sizes.x_quads) * row);
    let parts: Vec<_> = partials
        .chunks_exact_mut(channels(sizes.k_quads) * row)
        .enumerate()
        .flat_map(|(ix, partial)| {
            let pieces = partial[first..last].chunks_mut(rows_of_a_task * row).enumerate();
            pieces.map(move |(piece, sums)| std::sync::Mutex::new((ix, piece * rows_of_a_task, sums)))
        })
        .collect();
    team.for_each(parts.len(), |task| {
        let Ok(mut part) = parts[task].lock() else { return };
        let (ix, first_channel, sums) = &mut *part;
        sums.fill(0.0);
        let lines = (sizes.samples * sizes.out_height) as usize;
        let split = *ix / taps;
        let range = [split * lines / splits, (split + 1) * lines / splits];
        let place = Place { tap: (*ix % taps) as u32, first_channel: *first_channel };
        scratch::with(CHUNK_PIXELS.max(sizes.out_width as usize) * product::panel_columns(level), |panel| {
            product::run(level, Lines { sizes: &sizes, place, range, x, d_out, panel, sums });
        });
    });
}

/// Which rows of d_w.
#[derive(Clone, Copy)]
struct Place {
    tap: u32,
    first_channel: usize,
}

/// The pixels of a line of d_out that have a pixel of x under the tap.
struct Line {
    /// The first in d_out, and how many they are.
    first: usize,
    count: usize,
    /// The pixel of x under the first.
    source: usize,
    /// Its column in the line of x, as it is read: upsampled, or not.
    column: usize,
}

/// What `tap` reads of a line; nothing, where that lies outside of the picture.
fn line_of(sizes: &Conv2dWeightGradient, tap: u32, line: usize) -> Option<Line> {
    let shift = sizes.upsample.min(1);
    let [height, width] = [sizes.in_height << shift, sizes.in_width << shift].map(i64::from);
    let (ky, kx) = (tap / sizes.kernel, tap % sizes.kernel);
    let (sample, y) = (line as u32 / sizes.out_height, line as u32 % sizes.out_height);
    let y = i64::from(y * sizes.stride + ky) - i64::from(sizes.padding);
    if y < 0 || y >= height {
        return None;
    }
    let (stride, offset) = (i64::from(sizes.stride), i64::from(kx) - i64::from(sizes.padding));
    let is_inside = |x: i64| (0..width).contains(&(x * stride + offset));
    let from = (0..i64::from(sizes.out_width)).find(|&x| is_inside(x))?;
    let to = (from..i64::from(sizes.out_width)).take_while(|&x| is_inside(x)).count() as i64 + from;
    let (column, source_y) = (from * stride + offset, sample * sizes.in_height + (y as u32 >> shift));
    let source = i64::from(source_y * sizes.in_width) + (column >> shift);
    Some(Line {
        first: line * sizes.out_width as usize + from as usize,
        count: (to - from) as usize,
        source: source as usize,
        column: column as usize,
    })
}

/// sums[ci, co] += Σ_p x[p, ci] · d_out[p, co] over the pixels of the lines of `range`.
struct Lines<'a> {
    sizes: &'a Conv2dWeightGradient,
    place: Place,
    range: [usize; 2],
    x: &'a [f32],
    d_out: &'a [f32],
    /// Scratch.
    panel: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Blocked for Lines<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { sizes, place, range, x, d_out, panel, sums } = self;
        let width = VECTORS * S::F32_LANES;
        let (out_row, row) = (channels(sizes.out_quads), channels(sizes.weight_quads));
        let out_width = sizes.out_width as usize;
        let at_a_time = (CHUNK_PIXELS / out_width).max(1);
        let mut lines = Vec::with_capacity(at_a_time);
        for first in (range[0]..range[1]).step_by(at_a_time) {
            let chunk = first..(first + at_a_time).min(range[1]);
            lines.clear();
            lines.extend(chunk.filter_map(|line| line_of(sizes, place.tap, line)));
            for column in (0..row).step_by(width) {
                let wide = width.min(row - column);
                let whole = column + width <= out_row;
                if !whole {
                    pack(d_out, out_row, column, &lines, width, panel);
                }
                let d_out = match whole {
                    true => Columns { values: &d_out[column..], stride: out_row, packed: false },
                    false => Columns { values: panel, stride: width, packed: true },
                };
                let sums = &mut sums[column..];
                let channels = sums.len().div_ceil(row);
                let mut channel = 0;
                while channel < channels {
                    let left = channels - channel;
                    let block = Block {
                        sizes,
                        lines: &lines,
                        x,
                        first: place.first_channel + channel,
                        d_out,
                        sums: &mut sums[channel * row..],
                        wide,
                    };
                    // Channels are whole quads; two that are left would be less than a block of four.
                    if left >= ROWS && left - ROWS != 2 {
                        block.add::<S, ROWS, VECTORS>(simd);
                        channel += ROWS;
                    } else {
                        block.add::<S, 4, VECTORS>(simd);
                        channel += 4;
                    }
                }
            }
        }
    }
}

/// Some input channels from `first` on, and a panel of output channels.
struct Block<'a> {
    sizes: &'a Conv2dWeightGradient,
    lines: &'a [Line],
    x: &'a [f32],
    first: usize,
    d_out: Columns<'a>,
    sums: &'a mut [f32],
    wide: usize,
}

/// A panel of output channels.
#[derive(Clone, Copy)]
struct Columns<'a> {
    values: &'a [f32],
    /// Words from one pixel to the next.
    stride: usize,
    /// Whether only the pixels of the lines are there, and whole vectors of them; otherwise all pixels are, where they lie.
    packed: bool,
}

/// The channels of d_out from `column` on, filled up with zeros to `width`, of the pixels of `lines`.
fn pack(d_out: &[f32], out_row: usize, column: usize, lines: &[Line], width: usize, panel: &mut [f32]) {
    let readable = width.min(out_row.saturating_sub(column));
    let pixels = lines.iter().flat_map(|line| line.first..line.first + line.count);
    for (pixel, to) in pixels.zip(panel.chunks_exact_mut(width)) {
        to[..readable].copy_from_slice(&d_out[pixel * out_row + column..][..readable]);
        to[readable..].fill(0.0);
    }
}

impl Block<'_> {
    /// Adds the products of `ROWS` channels.
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let (x_row, stride) = (channels(self.sizes.x_quads), self.sizes.stride as usize);
        let mut acc = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        let width = VECTORS * S::F32_LANES;
        let mut packed = 0;
        for line in self.lines {
            let first = if self.d_out.packed { packed } else { line.first };
            packed += line.count;
            let d_out =
                self.d_out.values[first * self.d_out.stride..].chunks(self.d_out.stride).take(line.count);
            let d_out = d_out.map(|pixel| S::as_simd_f32s(&pixel[..width]).0);
            let source = &self.x[line.source * x_row..];
            // A copy that nothing else can see stays in registers.
            let mut sums = acc;
            if self.sizes.upsample == 0 {
                for (pixel, d) in source.chunks(x_row * stride).zip(d_out) {
                    sums = add_pixel(simd, sums, &pixel[self.first..], d);
                }
            } else {
                for (ix, d) in d_out.enumerate() {
                    let pixel = (line.column + ix) / 2 - line.column / 2;
                    sums = add_pixel(simd, sums, &source[pixel * x_row + self.first..], d);
                }
            }
            acc = sums;
        }
        for (acc, sums) in acc.iter().zip(self.sums.chunks_mut(channels(self.sizes.weight_quads))) {
            let values: &[f32] = bytemuck::cast_slice(acc);
            for (sum, value) in sums[..self.wide].iter_mut().zip(values) {
                *sum += *value;
            }
        }
    }
}

/// sums + x · d, of the first `ROWS` channels of a pixel.
#[inline(always)]
fn add_pixel<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    mut sums: [[S::f32s; VECTORS]; ROWS],
    pixel: &[f32],
    d_out: &[S::f32s],
) -> [[S::f32s; VECTORS]; ROWS] {
    let (pixel, d_out) = (&pixel[..ROWS], &d_out[..VECTORS]);
    for r in 0..ROWS {
        let x = simd.splat_f32s(pixel[r]);
        for v in 0..VECTORS {
            sums[r][v] = simd.mul_add_e_f32s(x, d_out[v], sums[r][v]);
        }
    }
    sums
}
