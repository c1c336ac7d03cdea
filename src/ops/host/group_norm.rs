//! Host kernel of `shaders/group_norm.wgsl`: y = (x − mean) / √(variance + eps) · γ + β over each group of channels and all pixels of
//! a sample, then y · (1 + scale) + shift, then SiLU, where asked for.

use std::borrow::Cow;
use std::ops::Range;

use pulp::Simd;

use super::math::{mul_add, silu};
use super::rows::{Chunks, by_sample, rows_a_task};
use crate::gpu::{Call, vectorised};
use crate::ops::group_norm::GroupNorm;

/// Words that loops over coefficients should have at least, so that vectors take few turns and leave little over.
const LONG: usize = 128;

/// How many pixels of `width` words, one after the other, make a loop that is long enough.
pub(super) fn pixels_a_row(width: usize) -> usize {
    LONG.div_ceil(width.max(1))
}

/// A row of coefficients, as often as a loop has pixels.
pub(super) fn repeated(row: &[f32], times: usize) -> Cow<'_, [f32]> {
    if times == 1 { Cow::Borrowed(row) } else { Cow::Owned(row.repeat(times)) }
}

impl GroupNorm {
    /// Floats of a pixel of each source.
    fn widths(&self) -> [usize; 2] {
        [self.a_quads, self.b_quads].map(|quads| quads as usize * 4)
    }

    /// Floats of a pixel of both.
    fn width(&self) -> usize {
        self.widths().iter().sum()
    }

    fn chunks(&self) -> Chunks {
        Chunks { pixels: self.pixels as usize, chunk: self.chunk as usize }
    }
}

/// Mean and Σ(x − mean)² of each channel over chunks of pixels.
pub fn stats(call: &mut Call<'_>) {
    let params: GroupNorm = call.params();
    let (level, sources) = (call.level(), [call.read(0), call.read(1)]);
    let (width, chunks) = (params.width(), params.samples as usize * params.chunks().count());
    let partials = &mut call.write(5)[..chunks * width * 2];
    let chunks_a_task = rows_a_task(params.chunk as usize * width);
    call.team().for_each_piece(partials, chunks_a_task * width * 2, |task, partials| {
        stats_of_chunks(level, &params, sources, task * chunks_a_task, partials);
    });
}

vectorised! {
    fn stats_of_chunks<'a>(
        simd: S, params: &'a GroupNorm, sources: [&'a [f32]; 2], first: usize, partials: &'a mut [f32],
    ) {
        for (ix, partials) in (first..).zip(partials.chunks_exact_mut(params.width() * 2)) {
            let pixels = params.chunks().pixels_of(ix);
            let (of_a, of_b) = partials.split_at_mut(params.widths()[0] * 2);
            moments(sources[0], params.widths()[0], pixels.clone(), of_a);
            moments(sources[1], params.widths()[1], pixels, of_b);
        }
    }
}

/// The moments of one source's channels.
#[inline(always)]
fn moments(x: &[f32], width: usize, pixels: Range<usize>, partials: &mut [f32]) {
    let x = &x[pixels.start * width..pixels.end * width];
    let (wide, narrow) = partials.as_chunks_mut::<64>();
    let done = wide.len() * 32;
    for (partials, first) in wide.iter_mut().zip((0..).step_by(32)) {
        moments_of::<32>(&x[first..], width, pixels.len(), partials);
    }
    for (partials, first) in narrow.as_chunks_mut::<8>().0.iter_mut().zip((done..).step_by(4)) {
        moments_of::<4>(&x[first..], width, pixels.len(), partials);
    }
}

/// The moments of N channels, in registers: twice over the pixels, which the cache holds.
#[inline(always)]
fn moments_of<const N: usize>(x: &[f32], width: usize, count: usize, partials: &mut [f32]) {
    let factor = 1.0 / count as f32;
    let mut sum = [0.0; N];
    for row in x.chunks(width) {
        let Some(row) = row.first_chunk::<N>() else { break };
        for i in 0..N {
            sum[i] += row[i];
        }
    }
    let mean = sum.map(|sum| sum * factor);
    let (mut rest, mut squares) = ([0.0; N], [0.0; N]);
    for row in x.chunks(width) {
        let Some(row) = row.first_chunk::<N>() else { break };
        for i in 0..N {
            let delta = row[i] - mean[i];
            rest[i] += delta;
            squares[i] += delta * delta;
        }
    }
    for (partial, first) in partials.chunks_exact_mut(8).zip((0..N).step_by(4)) {
        for lane in 0..4 {
            // What rounding has left of the mean.
            let left = rest[first + lane] * factor;
            partial[lane] = mean[first + lane] + left;
            partial[4 + lane] = (squares[first + lane] - rest[first + lane] * left).max(0.0);
        }
    }
}

/// Mean, factor, offset and 1 / √(variance + eps) of each channel.
pub fn coefficients(call: &mut Call<'_>) {
    let params: GroupNorm = call.params();
    let (level, affine, embedding, positions) = (call.level(), call.read(2), call.read(3), call.read_u32(4));
    let (width, chunks) = (params.width(), params.chunks().count());
    let partials = &*call.write(5);
    let fold = &mut call.write(6)[..params.samples as usize * 4 * width];
    let samples_a_task = rows_a_task(chunks * width * 2);
    call.team().for_each_piece(fold, samples_a_task * 4 * width, |task, fold| {
        let mut moments = vec![0.0; 2 * width];
        for (sample, fold) in (task * samples_a_task..).zip(fold.chunks_exact_mut(4 * width)) {
            let partials = &partials[sample * chunks * width * 2..][..chunks * width * 2];
            moments_of_channels(level, params.chunks(), partials, &mut moments);
            fold_sample(&params, sample, &moments, [affine, embedding], positions, fold);
        }
    });
}

vectorised! {
    /// The moments of each channel of a sample over all its chunks; moments: `[2, width]`, mean and Σ(x − mean)².
    fn moments_of_channels<'a>(simd: S, chunks: Chunks, partials: &'a [f32], moments: &'a mut [f32]) {
        let width = moments.len() / 2;
        let (means, m2s) = moments.split_at_mut(width);
        let factor = 1.0 / chunks.pixels as f32;
        let rows = |quad: usize| (0..).zip(partials[quad * 8..].chunks(width * 2));
        for (quad, (means, m2s)) in means.chunks_exact_mut(4).zip(m2s.chunks_exact_mut(4)).enumerate() {
            let (mut sum, mut within) = ([0.0; 4], [0.0; 4]);
            for (chunk, row) in rows(quad) {
                let count = chunks.pixels_of(chunk).len() as f32;
                for lane in 0..4 {
                    sum[lane] += count * row[lane];
                    within[lane] += row[4 + lane];
                }
            }
            let mean = sum.map(|sum| sum * factor);
            let (mut rest, mut between) = ([0.0; 4], [0.0; 4]);
            for (chunk, row) in rows(quad) {
                let count = chunks.pixels_of(chunk).len() as f32;
                for lane in 0..4 {
                    let delta = row[lane] - mean[lane];
                    rest[lane] += count * delta;
                    between[lane] += count * delta * delta;
                }
            }
            for lane in 0..4 {
                let left = rest[lane] * factor;
                means[lane] = mean[lane] + left;
                m2s[lane] = within[lane] + (between[lane] - rest[lane] * left).max(0.0);
            }
        }
    }
}

/// A sample's rows of coefficients, from the moments of its channels.
fn fold_sample(
    params: &GroupNorm,
    sample: usize,
    moments: &[f32],
    [affine, embedding]: [&[f32]; 2],
    positions: &[u32],
    fold: &mut [f32],
) {
    let (group_channels, groups) = (params.group_channels as usize, params.groups as usize);
    let channels = groups * group_channels;
    let (means, m2s) = moments.split_at(params.width());
    let (gammas, betas) = affine[..2 * channels].split_at(channels);
    // Padding belongs to no channel.
    fold.fill(0.0);
    let rows = fold.chunks_exact_mut(params.width());
    let [mean_row, factor_row, offset_row, rstd_row] = four(rows);
    let conditioning = (params.has_scale_shift != 0).then(|| {
        let row = sample * params.embedding_stride as usize;
        let at = |quad: u32| &embedding[(row + quad as usize) * 4..][..channels];
        [at(params.scale_quad), at(params.shift_quad)]
    });
    for (group, positions) in positions[..channels].chunks_exact(group_channels.max(1)).enumerate() {
        let of = |values: &[f32]| positions.iter().map(|&at| values[at as usize]).sum::<f32>();
        let mean = of(means) / group_channels as f32;
        // What rounding has left of the mean, and the variance between channels.
        let deltas = || positions.iter().map(|&at| means[at as usize] - mean);
        let left = deltas().sum::<f32>() / group_channels as f32;
        let mean = mean + left;
        let between: f32 = positions.iter().map(|&at| (means[at as usize] - mean).powi(2)).sum();
        let m2 = of(m2s) + between * params.pixels as f32;
        let count = (group_channels * params.pixels as usize) as f32;
        let rstd = 1.0 / (m2 / count + params.eps).sqrt();
        for (channel, &at) in (group * group_channels..).zip(positions) {
            let (mut factor, mut offset) = (gammas[channel] * rstd, betas[channel]);
            if let Some([scale, shift]) = conditioning {
                factor *= 1.0 + scale[channel];
                offset = offset * (1.0 + scale[channel]) + shift[channel];
            }
            let at = at as usize;
            (mean_row[at], factor_row[at], offset_row[at], rstd_row[at]) = (mean, factor, offset, rstd);
        }
    }
}

/// The normalised values.
pub fn apply(call: &mut Call<'_>) {
    let params: GroupNorm = call.params();
    let (level, sources) = (call.level(), [call.read(0), call.read(1)]);
    let fold = &*call.write(6);
    let width = params.width();
    let out = &mut call.write(7)[..params.samples as usize * params.pixels as usize * width];
    let pixels_a_task = rows_a_task(width);
    call.team().for_each_piece(out, pixels_a_task * width, |task, out| {
        apply_to_pixels(level, &params, sources, fold, task * pixels_a_task, out);
    });
}

vectorised! {
    fn apply_to_pixels<'a>(
        simd: S, params: &'a GroupNorm, sources: [&'a [f32]; 2], fold: &'a [f32], first: usize, out: &'a mut [f32],
    ) {
        let (width, widths) = (params.width(), params.widths());
        // Where there is one source, its pixels lie as those of `out`, and a loop may run over several.
        let times = if widths[1] == 0 { pixels_a_row(width) } else { 1 };
        let (mut first, mut rest) = (first, out);
        for (sample, count) in by_sample(first..first + rest.len() / width, params.pixels as usize) {
            let (out, after) = rest.split_at_mut(count * width);
            let [mean, factor, offset] =
                [0, 1, 2].map(|row| repeated(&fold[(sample * 4 + row) * width..][..width], times));
            for (x, at, x_width) in [(sources[0], 0, widths[0]), (sources[1], widths[0], widths[1])] {
                let x = &x[first * x_width..(first + count) * x_width];
                for (x, out) in x.chunks((x_width * times).max(1)).zip(out.chunks_mut(width * times)) {
                    let fold = [&mean[at..], &factor[at..], &offset[at..]];
                    let out = &mut out[at..][..x.len()];
                    if params.silu == 0 {
                        apply_to_row::<S, false>(x, fold, out);
                    } else {
                        apply_to_row::<S, true>(x, fold, out);
                    }
                }
            }
            (first, rest) = (first + count, after);
        }
    }
}

#[inline(always)]
fn apply_to_row<S: Simd, const SILU: bool>(x: &[f32], fold: [&[f32]; 3], out: &mut [f32]) {
    let (n, [mean, factor, offset]) = (out.len(), fold);
    let (x, mean, factor, offset) = (&x[..n], &mean[..n], &factor[..n], &offset[..n]);
    for i in 0..n {
        let value = mul_add::<S>(x[i] - mean[i], factor[i], offset[i]);
        out[i] = if SILU { silu::<S>(value) } else { value };
    }
}

/// The next four, or empty ones.
pub(super) fn four<'a>(mut rows: impl Iterator<Item = &'a mut [f32]>) -> [&'a mut [f32]; 4] {
    std::array::from_fn(|_| rows.next().unwrap_or_default())
}
