//! Host kernel of `shaders/group_norm_parameters.wgsl`: with S = Σ d_z and P = Σ d_z · (x − mean) over the pixels of a sample,
//! d_γ = Σ_n P · rstd · (1 + scale), d_β = Σ_n S · (1 + scale), d_scale = P · rstd · γ + S · β, d_shift = S, and of each group
//! k0 = Σ_c factor · S / count, k1 = rstd² · Σ_c factor · P / count.

use super::group_norm::four;
use super::rows::rows_a_task;
use crate::gpu::{Call, vectorised};
use crate::ops::group_norm::GroupNormParameters;

impl GroupNormParameters {
    fn width(&self) -> usize {
        self.quads as usize * 4
    }

    fn channels(&self) -> usize {
        (self.groups * self.group_channels) as usize
    }

    /// Floats of `fold` and of `totals`.
    fn rows(&self) -> usize {
        self.samples as usize * 4 * self.width()
    }

    /// A sample's scale of each channel, if there is conditioning.
    fn scale<'a>(&self, sample: usize, embedding: &'a [f32]) -> Option<&'a [f32]> {
        let first = (sample * self.embedding_stride as usize + self.scale_quad as usize) * 4;
        (self.has_scale_shift != 0).then(|| &embedding[first..][..self.channels()])
    }
}

/// S and P of each sample, from those of its chunks.
pub fn totals_of_chunks(call: &mut Call<'_>) {
    let params: GroupNormParameters = call.params();
    let (level, partials, width) = (call.level(), call.read(0), params.width());
    let of_sample = params.chunks as usize * width * 2;
    let totals = &mut call.write(5)[..params.rows()];
    let samples_a_task = rows_a_task(of_sample);
    call.team().for_each_piece(totals, samples_a_task * 4 * width, |task, totals| {
        for (sample, totals) in (task * samples_a_task..).zip(totals.chunks_exact_mut(4 * width)) {
            sum_chunks(level, &partials[sample * of_sample..][..of_sample], totals);
        }
    });
}

vectorised! {
    /// partials: `[chunks, quads, 2]` vec4; totals: `[4, quads]` vec4.
    fn sum_chunks<'a>(simd: S, partials: &'a [f32], totals: &'a mut [f32]) {
        let width = totals.len() / 4;
        let [sums, products, k0, k1] = four(totals.chunks_exact_mut(width));
        for (quad, (sum, product)) in sums.chunks_exact_mut(4).zip(products.chunks_exact_mut(4)).enumerate() {
            let mut both = [0.0; 8];
            for row in partials[quad * 8..].chunks(width * 2) {
                for i in 0..8 {
                    both[i] += row[i];
                }
            }
            sum.copy_from_slice(&both[..4]);
            product.copy_from_slice(&both[4..]);
        }
        k0.fill(0.0);
        k1.fill(0.0);
    }
}

/// k0 and k1 of each channel.
pub fn groups_of_totals(call: &mut Call<'_>) {
    let params: GroupNormParameters = call.params();
    let (fold, positions, width) = (call.read(1), call.read_u32(4), params.width());
    let (group_channels, positions) = (params.group_channels as usize, &positions[..params.channels()]);
    let count = (params.group_channels * params.pixels) as f32;
    let totals = &mut call.write(5)[..params.rows()];
    let samples_a_task = rows_a_task(4 * width);
    call.team().for_each_piece(totals, samples_a_task * 4 * width, |task, totals| {
        let first = task * samples_a_task * 4 * width;
        for (totals, fold) in totals.chunks_exact_mut(4 * width).zip(fold[first..].chunks_exact(4 * width)) {
            let [sums, products, k0, k1] = four(totals.chunks_exact_mut(width));
            let (factors, rstds) = (&fold[width..2 * width], &fold[3 * width..]);
            for group in positions.chunks_exact(group_channels.max(1)) {
                let (mut sum, mut product) = (0.0, 0.0);
                for at in group.iter().map(|&at| at as usize) {
                    sum += factors[at] * sums[at];
                    product += factors[at] * products[at];
                }
                let rstd = rstds[group[0] as usize];
                for at in group.iter().map(|&at| at as usize) {
                    (k0[at], k1[at]) = (sum / count, product / count * rstd * rstd);
                }
            }
        }
    });
}

/// d_γ and d_β: few numbers, on this thread.
pub fn affine_gradient(call: &mut Call<'_>) {
    let params: GroupNormParameters = call.params();
    let (fold, embedding, positions) = (call.read(1), call.read(3), call.read_u32(4));
    let (width, channels) = (params.width(), params.channels());
    let totals = &*call.write(5);
    let mut sums = vec![[0.0; 2]; channels];
    let samples = totals[..params.rows()].chunks_exact(4 * width).zip(fold.chunks_exact(4 * width));
    for (sample, (totals, fold)) in samples.enumerate() {
        let scale = params.scale(sample, embedding);
        for (channel, (sums, &at)) in sums.iter_mut().zip(positions).enumerate() {
            let at = at as usize;
            let scale = scale.map_or(1.0, |scale| 1.0 + scale[channel]);
            sums[0] += totals[width + at] * fold[3 * width + at] * scale;
            sums[1] += totals[at] * scale;
        }
    }
    let (d_gamma, d_beta) = call.write(6)[..2 * channels].split_at_mut(channels);
    for ((d_gamma, d_beta), sums) in d_gamma.iter_mut().zip(d_beta).zip(sums) {
        *d_gamma += sums[0];
        *d_beta += sums[1];
    }
}

/// d_scale and d_shift: few numbers, on this thread.
pub fn conditioning_gradient(call: &mut Call<'_>) {
    let params: GroupNormParameters = call.params();
    let (fold, affine, positions) = (call.read(1), call.read(2), call.read_u32(4));
    let (width, channels) = (params.width(), params.channels());
    let (gamma, beta) = affine[..2 * channels].split_at(channels);
    let totals = &*call.write(5);
    let d_embedding = call.write(7);
    let rows = d_embedding.chunks_mut((params.embedding_stride as usize * 4).max(1));
    let samples = totals[..params.rows()].chunks_exact(4 * width).zip(fold.chunks_exact(4 * width));
    for (row, (totals, fold)) in rows.zip(samples) {
        let mut write = |quad: u32, of: &dyn Fn(usize) -> f32| {
            // Padded to whole quads with zeros.
            let out = &mut row[quad as usize * 4..][..channels.next_multiple_of(4)];
            let (out, padding) = out.split_at_mut(channels);
            out.iter_mut().enumerate().for_each(|(channel, out)| *out = of(channel));
            padding.fill(0.0);
        };
        write(params.scale_quad, &|channel| {
            let at = positions[channel] as usize;
            totals[width + at] * fold[3 * width + at] * gamma[channel] + totals[at] * beta[channel]
        });
        write(params.shift_quad, &|channel| totals[positions[channel] as usize]);
    }
}
