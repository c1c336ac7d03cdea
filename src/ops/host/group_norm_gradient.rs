//! Host kernel of `shaders/group_norm_gradient.wgsl`: with z = (x − mean) · factor + offset and d_z the gradient of z,
//! d_x = factor · d_z − k0 − (x − mean) · k1.

use pulp::Simd;

use super::group_norm::{pixels_a_row, repeated};
use super::math::{mul_add, silu_gradient};
use super::rows::{Chunks, by_sample, rows_a_task};
use crate::gpu::{Call, vectorised};
use crate::ops::group_norm::GroupNormGradient;

/// One source: its values, and where its channels are in a pixel of all.
#[derive(Clone, Copy)]
struct Source<'a> {
    x: &'a [f32],
    width: usize,
    at: usize,
}

/// What both entry points read.
#[derive(Clone, Copy)]
struct Known<'a> {
    params: &'a GroupNormGradient,
    fold: &'a [f32],
    d_out: &'a [f32],
    totals: &'a [f32],
}

impl<'a> Known<'a> {
    fn new(call: &Call<'a>, params: &'a GroupNormGradient) -> Self {
        Self { params, fold: call.read(2), d_out: call.read(3), totals: call.read(4) }
    }
}

impl GroupNormGradient {
    /// Floats of a pixel of both sources.
    fn width(&self) -> usize {
        (self.a_quads + self.b_quads) as usize * 4
    }

    fn chunks(&self) -> Chunks {
        Chunks { pixels: self.pixels as usize, chunk: self.chunk as usize }
    }

    fn sources<'a>(&self, [a, b]: [&'a [f32]; 2]) -> [Source<'a>; 2] {
        let [a_width, b_width] = [self.a_quads, self.b_quads].map(|quads| quads as usize * 4);
        [Source { x: a, width: a_width, at: 0 }, Source { x: b, width: b_width, at: a_width }]
    }
}

/// Σ d_z and Σ d_z · (x − mean) of each channel over chunks of pixels.
pub fn sums(call: &mut Call<'_>) {
    let params: GroupNormGradient = call.params();
    let (level, known) = (call.level(), Known::new(call, &params));
    let sources = params.sources([call.read(0), call.read(1)]);
    let (width, chunks) = (params.width(), params.samples as usize * params.chunks().count());
    let partials = &mut call.write(5)[..chunks * width * 2];
    let chunks_a_task = rows_a_task(params.chunk as usize * width);
    call.team().for_each_piece(partials, chunks_a_task * width * 2, |task, partials| {
        sums_of_chunks(level, known, sources, task * chunks_a_task, partials);
    });
}

vectorised! {
    fn sums_of_chunks<'a>(
        simd: S, known: Known<'a>, sources: [Source<'a>; 2], first: usize, partials: &'a mut [f32],
    ) {
        let Known { params, fold, d_out, .. } = known;
        let (width, chunks) = (params.width(), params.chunks());
        for (ix, partials) in (first..).zip(partials.chunks_exact_mut(width * 2)) {
            let pixels = chunks.pixels_of(ix);
            let d_out = &d_out[pixels.start * width..pixels.end * width];
            let fold = &fold[ix / chunks.count() * 4 * width..][..4 * width];
            let (of_a, of_b) = partials.split_at_mut(sources[0].width * 2);
            for (source, partials) in sources.into_iter().zip([of_a, of_b]) {
                let x = &source.x[pixels.start * source.width..pixels.end * source.width];
                let source = Source { x, ..source };
                if params.silu == 0 {
                    sums_of_source::<S, false>(source, fold, d_out, partials);
                } else {
                    sums_of_source::<S, true>(source, fold, d_out, partials);
                }
            }
        }
    }
}

/// The sums of one source's channels.
#[inline(always)]
fn sums_of_source<S: Simd, const SILU: bool>(
    source: Source<'_>,
    fold: &[f32],
    d_out: &[f32],
    partials: &mut [f32],
) {
    let (wide, narrow) = partials.as_chunks_mut::<32>();
    let done = wide.len() * 16;
    for (partials, first) in wide.iter_mut().zip((0..).step_by(16)) {
        sums_of::<S, 16, SILU>(source, first, fold, d_out, partials);
    }
    for (partials, first) in narrow.as_chunks_mut::<8>().0.iter_mut().zip((done..).step_by(4)) {
        sums_of::<S, 4, SILU>(source, first, fold, d_out, partials);
    }
}

/// The sums of N channels of a source, in registers.
#[inline(always)]
fn sums_of<S: Simd, const N: usize, const SILU: bool>(
    source: Source<'_>,
    first: usize,
    fold: &[f32],
    d_out: &[f32],
    partials: &mut [f32],
) {
    let width = fold.len() / 4;
    let at = source.at + first;
    let [Some(mean), Some(factor), Some(offset)] =
        [0, 1, 2].map(|row| fold[row * width + at..].first_chunk::<N>())
    else {
        return;
    };
    let (mut sum, mut product) = ([0.0; N], [0.0; N]);
    for (x, d_y) in source.x[first..].chunks(source.width).zip(d_out[at..].chunks(width)) {
        let (Some(x), Some(d_y)) = (x.first_chunk::<N>(), d_y.first_chunk::<N>()) else { break };
        for i in 0..N {
            let centred = x[i] - mean[i];
            let d_z = d_normed::<S, SILU>(d_y[i], mul_add::<S>(centred, factor[i], offset[i]));
            sum[i] += d_z;
            product[i] = mul_add::<S>(d_z, centred, product[i]);
        }
    }
    for (partial, first) in partials.chunks_exact_mut(8).zip((0..N).step_by(4)) {
        for lane in 0..4 {
            (partial[lane], partial[4 + lane]) = (sum[first + lane], product[first + lane]);
        }
    }
}

/// The gradient of z.
#[inline(always)]
fn d_normed<S: Simd, const SILU: bool>(d_y: f32, z: f32) -> f32 {
    if SILU { d_y * silu_gradient::<S>(z) } else { d_y }
}

/// The gradient of the input: one source after the other, each into memory of its own.
pub fn input(call: &mut Call<'_>) {
    let params: GroupNormGradient = call.params();
    let [a, b] = params.sources([call.read(0), call.read(1)]);
    let (d_a, d_b) = (call.write(6), call.write(7));
    let known = Known::new(call, &params);
    input_of_source(call, known, a, params.add_a != 0, d_a);
    if b.width > 0 {
        input_of_source(call, known, b, params.add_b != 0, d_b);
    }
}

fn input_of_source(call: &Call<'_>, known: Known<'_>, source: Source<'_>, add: bool, d_x: &mut [f32]) {
    let pixels = known.params.samples as usize * known.params.pixels as usize;
    let (level, d_x) = (call.level(), &mut d_x[..pixels * source.width]);
    let pixels_a_task = rows_a_task(source.width);
    call.team().for_each_piece(d_x, pixels_a_task * source.width, |task, d_x| {
        input_of_pixels(level, known, source, task * pixels_a_task, add, d_x);
    });
}

vectorised! {
    fn input_of_pixels<'a>(
        simd: S, known: Known<'a>, source: Source<'a>, first: usize, add: bool, d_x: &'a mut [f32],
    ) {
        let Known { params, fold, d_out, totals } = known;
        let (width, at) = (params.width(), source.at);
        // Where there is one source, its pixels lie as those of `d_out`, and a loop may run over several.
        let times = if source.width == width { pixels_a_row(width) } else { 1 };
        let (mut first, mut rest) = (first, d_x);
        for (sample, count) in by_sample(first..first + rest.len() / source.width, params.pixels as usize) {
            let (d_x, after) = rest.split_at_mut(count * source.width);
            let row = |rows: &'a [f32], row| {
                repeated(&rows[(sample * 4 + row) * width + at..][..source.width], times)
            };
            let coefficients = [row(fold, 0), row(fold, 1), row(fold, 2), row(totals, 2), row(totals, 3)];
            let coefficients: [&[f32]; 5] = std::array::from_fn(|row| &*coefficients[row]);
            let x = source.x[first * source.width..].chunks(source.width * times);
            let d_y = d_out[first * width..].chunks(width * times);
            for ((d_x, x), d_y) in d_x.chunks_mut(source.width * times).zip(x).zip(d_y) {
                let d_y = &d_y[at..];
                match (params.silu != 0, add) {
                    (false, false) => input_of_row::<S, false, false>(coefficients, x, d_y, d_x),
                    (false, true) => input_of_row::<S, false, true>(coefficients, x, d_y, d_x),
                    (true, false) => input_of_row::<S, true, false>(coefficients, x, d_y, d_x),
                    (true, true) => input_of_row::<S, true, true>(coefficients, x, d_y, d_x),
                }
            }
            (first, rest) = (first + count, after);
        }
    }
}

#[inline(always)]
fn input_of_row<S: Simd, const SILU: bool, const ADD: bool>(
    coefficients: [&[f32]; 5],
    x: &[f32],
    d_y: &[f32],
    d_x: &mut [f32],
) {
    let (n, [mean, factor, offset, k0, k1]) = (d_x.len(), coefficients);
    let (x, d_y, mean, factor, offset) = (&x[..n], &d_y[..n], &mean[..n], &factor[..n], &offset[..n]);
    let (k0, k1) = (&k0[..n], &k1[..n]);
    for i in 0..n {
        let centred = x[i] - mean[i];
        let d_z = d_normed::<S, SILU>(d_y[i], mul_add::<S>(centred, factor[i], offset[i]));
        // Not fused: of a group of one value both terms are the same, and must cancel.
        let found = mul_add::<S>(-centred, k1[i], factor[i] * d_z - k0[i]);
        d_x[i] = if ADD { d_x[i] + found } else { found };
    }
}
