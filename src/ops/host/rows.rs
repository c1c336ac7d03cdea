//! Rows in memory: how many of them make a task, and their sums.

use std::iter;
use std::ops::Range;

use pulp::Simd;

use super::math::mul_add;

/// Words of which a task has about as many: what it costs to share a task is then little beside.
const TASK: usize = 8192;

/// Rows of `width` words that make a task.
pub fn rows_a_task(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Columns that make a task where each takes `depth` words of work.
pub fn columns_a_task(depth: usize) -> usize {
    rows_a_task(depth).next_multiple_of(128)
}

/// Tiles of `out`, whose rows have `width` words: for each group of `rows` rows its tiles of `columns` columns, each as its rows.
pub fn tiles(out: &mut [f32], width: usize, rows: usize, columns: usize) -> Vec<Vec<&mut [f32]>> {
    let mut tiles = Vec::new();
    for group in out.chunks_mut(rows * width) {
        let mut of_group: Vec<Vec<&mut [f32]>> = Vec::new();
        of_group.resize_with(width.div_ceil(columns), Vec::new);
        for row in group.chunks_mut(width) {
            for (tile, part) in of_group.iter_mut().zip(row.chunks_mut(columns)) {
                tile.push(part);
            }
        }
        tiles.append(&mut of_group);
    }
    tiles
}

/// Pixels of all samples, each of which has `pixels`, cut where a sample ends: the sample, and how many of it there are.
pub fn by_sample(all: Range<usize>, pixels: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut next = all.start;
    iter::from_fn(move || {
        let sample = next / pixels.max(1);
        let count = ((sample + 1) * pixels).min(all.end).checked_sub(next).filter(|&count| count > 0)?;
        next += count;
        Some((sample, count))
    })
}

/// Chunks of the pixels of samples.
#[derive(Clone, Copy)]
pub struct Chunks {
    /// Pixels of a sample.
    pub pixels: usize,
    /// Pixels of a chunk; the last of a sample may have fewer.
    pub chunk: usize,
}

impl Chunks {
    /// Those of a sample.
    pub fn count(self) -> usize {
        self.pixels.div_ceil(self.chunk)
    }

    /// The pixels of chunk `ix`, counted through all samples as pixels are.
    pub fn pixels_of(self, ix: usize) -> Range<usize> {
        let (sample, chunk) = (ix / self.count(), ix % self.count());
        let first = chunk * self.chunk;
        sample * self.pixels + first..sample * self.pixels + (first + self.chunk).min(self.pixels)
    }
}

/// out += Σ rows: the first words of each of the rows of `x`, which lie `stride` words apart.
#[inline(always)]
pub fn add_rows(out: &mut [f32], x: &[f32], stride: usize) {
    for rows in x.chunks(4 * stride) {
        match rows.len().div_ceil(stride) {
            4 => {
                let (ab, cd) = rows.split_at(2 * stride);
                add_four(out, [ab, &ab[stride..], cd, &cd[stride..]]);
            }
            _ => {
                for row in rows.chunks(stride) {
                    add(out, row);
                }
            }
        }
    }
}

/// out += x.
#[inline(always)]
pub fn add(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

#[inline(always)]
fn add_four(out: &mut [f32], [a, b, c, d]: [&[f32]; 4]) {
    let n = out.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        out[i] += (a[i] + b[i]) + (c[i] + d[i]);
    }
}

/// out += factor · x.
#[inline(always)]
pub fn add_product<S: Simd>(out: &mut [f32], factor: f32, x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = mul_add::<S>(factor, *x, *out);
    }
}

/// out += Σ factors\[i\] · x\[i\], so that `out` is loaded and stored once for four products.
#[inline(always)]
pub fn add_four_products<S: Simd>(out: &mut [f32], factors: [f32; 4], [a, b, c, d]: [&[f32]; 4]) {
    let n = out.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        let ab = mul_add::<S>(factors[0], a[i], factors[1] * b[i]);
        out[i] += mul_add::<S>(factors[2], c[i], mul_add::<S>(factors[3], d[i], ab));
    }
}
