//! 3 × 3 convolutions by Winograd's algorithm F(4 × 4, 3 × 3), with the points of `shaders/include/winograd_input.wgsl`, which explains
//! it: out = Aᵀ [Σ_ci (G w Gᵀ) ⊙ (Bᵀ d B)] A, a quarter of the direct way's products.
//!
//! Tiles are computed a few at a time, so that what lies between the steps stays in a core's cache. Where a convolution has but a
//! few tiles, threads share each step instead: else each of them would read all weights.

use pulp::Simd;

use super::conv2d::{Addends, channels};
use super::product::{self, Product, Rows};
use super::scratch;
use crate::gpu::{Call, Level, Team, vectorised};
use crate::ops::conv2d::{Conv2d, WINOGRAD_G};

/// Products a tile and pair of channels.
const PLANES: usize = 36;
/// Output pixels a side of a tile.
const SIDE: usize = 4;
/// Tiles of a task, about.
const TASK_TILES: usize = 24;
/// Convolutions of at most so many tiles are computed step by step.
const FEW_TILES: usize = 64;
/// Fewer channels are not worth what is moved to and fro.
const LEAST_QUADS: u32 = 4;
/// No pixel: outside of the picture.
const NOWHERE: u32 = u32::MAX;

/// Whether a convolution of these sizes is for this algorithm.
pub(crate) fn is_chosen(sizes: &Conv2d) -> bool {
    sizes.kernel == 3
        && sizes.stride == 1
        && sizes.padding == 1
        && sizes.upsample < 2
        && sizes.a_quads + sizes.b_quads >= LEAST_QUADS
        && sizes.out_quads >= LEAST_QUADS
}

/// Channels of all sources, and of the output.
fn depth_and_columns(sizes: &Conv2d) -> [usize; 2] {
    [channels(sizes.a_quads + sizes.b_quads), channels(sizes.out_quads)]
}

/// Words of the transformed weights.
pub(crate) fn packed_words(level: Level, sizes: &Conv2d) -> usize {
    let [depth, columns] = depth_and_columns(sizes);
    PLANES * product::packed_words(level, depth, columns)
}

/// G w Gᵀ of weights `[9, depth, columns]`, packed into panels for each plane.
pub(super) fn pack_with(team: &Team, level: Level, sizes: &Conv2d, weights: &[f32], packed: &mut [f32]) {
    let length = packed.len() / PLANES;
    team.for_each_piece(packed, length, |plane, panels| pack_plane(level, sizes, weights, plane, panels));
}

/// As [`pack_with`], on this thread.
pub(crate) fn pack(level: Level, sizes: &Conv2d, weights: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; packed_words(level, sizes)];
    let length = packed.len() / PLANES;
    for (plane, panels) in packed.chunks_exact_mut(length).enumerate() {
        pack_plane(level, sizes, weights, plane, panels);
    }
    packed
}

fn pack_plane(level: Level, sizes: &Conv2d, weights: &[f32], plane: usize, panels: &mut [f32]) {
    let [depth, columns] = depth_and_columns(sizes);
    let (down, across) = (&WINOGRAD_G[plane / 6], &WINOGRAD_G[plane % 6]);
    let taps: Vec<(f32, &[f32])> = (0..9)
        .map(|tap| {
            let factor = (down[tap / 3] * across[tap % 3]) as f32;
            (factor, &weights[tap * depth * columns..][..depth * columns])
        })
        .filter(|(factor, _)| *factor != 0.0)
        .collect();
    scratch::with(depth * columns, |sums| {
        sums.fill(0.0);
        for (factor, values) in taps {
            add_scaled(level, factor, values, sums);
        }
        product::pack(level, sums, columns, columns, panels);
    });
}

vectorised! {
    /// sums += factor · values.
    fn add_scaled<'a>(simd: S, factor: f32, values: &'a [f32], sums: &'a mut [f32]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += factor * *value;
        }
    }
}

/// How the tiles lie.
#[derive(Clone, Copy)]
struct Tiles {
    down: usize,
    across: usize,
    samples: usize,
}

impl Tiles {
    fn of(sizes: &Conv2d) -> Self {
        let [height, width] = [sizes.out_height as usize, sizes.out_width as usize];
        Self {
            down: height.div_ceil(SIDE),
            across: width.div_ceil(SIDE),
            samples: sizes.rows as usize / (height * width),
        }
    }

    /// Lines of tiles, of all samples.
    fn lines(self) -> usize {
        self.samples * self.down
    }

    /// Output pixels of the lines of tiles before `line`.
    fn pixels_before(self, sizes: &Conv2d, line: usize) -> usize {
        let (sample, down) = (line / self.down, line % self.down);
        let height = sizes.out_height as usize;
        (sample * height + (down * SIDE).min(height)) * sizes.out_width as usize
    }

    /// The pixels of the stored input that the 6 × 6 of tile `across` of `line` are.
    fn source_pixels(self, sizes: &Conv2d, line: usize, across: usize) -> [u32; PLANES] {
        let (sample, down) = ((line / self.down) as u32, line % self.down);
        let shift = sizes.upsample;
        std::array::from_fn(|ix| {
            // Before the picture they wrap around to far behind it.
            let y = (down * SIDE + ix / 6).wrapping_sub(1);
            let x = (across * SIDE + ix % 6).wrapping_sub(1);
            if y >= sizes.out_height as usize || x >= sizes.out_width as usize {
                return NOWHERE;
            }
            (sample * sizes.in_height + (y as u32 >> shift)) * sizes.in_width + (x as u32 >> shift)
        })
    }
}

/// What all tasks of a convolution read.
#[derive(Clone, Copy)]
struct Shared<'a> {
    level: Level,
    sizes: Conv2d,
    tiles: Tiles,
    sources: [&'a [f32]; 2],
    weights: &'a [f32],
    addends: Addends<'a>,
}

/// The convolution whose weights are transformed.
pub(super) fn convolve(call: &mut Call<'_>, sizes: &Conv2d, weights: &[f32]) {
    let team = call.team();
    let columns = channels(sizes.out_quads);
    let tiles = Tiles::of(sizes);
    let out = &mut call.write(6)[..sizes.rows as usize * columns];
    let shared = Shared {
        level: call.level(),
        sizes: *sizes,
        tiles,
        sources: [call.read(0), call.read(1)],
        weights,
        addends: Addends::of(call, sizes),
    };
    if tiles.lines() * tiles.across <= FEW_TILES {
        return shared.step_by_step(team, out);
    }
    let lines_of_a_task = (TASK_TILES / tiles.across).max(1);
    let parts: Vec<usize> = (0..tiles.lines())
        .step_by(lines_of_a_task)
        .map(|line| {
            let next = (line + lines_of_a_task).min(tiles.lines());
            (tiles.pixels_before(sizes, next) - tiles.pixels_before(sizes, line)) * columns
        })
        .collect();
    team.for_each_part(out, &parts, |task, out| {
        let first = task * lines_of_a_task;
        shared.lines(first..(first + lines_of_a_task).min(tiles.lines()), out);
    });
}

impl Shared<'_> {
    /// Lines of tiles, whose pixels are `out`.
    fn lines(&self, lines: std::ops::Range<usize>, out: &mut [f32]) {
        let [depth, columns] = depth_and_columns(&self.sizes);
        let count = lines.len() * self.tiles.across;
        scratch::with(PLANES * count * (depth + columns), |memory| {
            let (inputs, products) = memory.split_at_mut(PLANES * count * depth);
            for tile in 0..count {
                self.input(
                    lines.start * self.tiles.across + tile,
                    &mut inputs[tile * depth..],
                    count * depth,
                );
            }
            for plane in 0..PLANES {
                let products = &mut products[plane * count * columns..][..count * columns];
                self.product(plane, &inputs[plane * count * depth..][..count * depth], products);
            }
            let first_pixel = self.tiles.pixels_before(&self.sizes, lines.start);
            for (ix, line) in lines.clone().enumerate() {
                let from = self.tiles.pixels_before(&self.sizes, line) - first_pixel;
                let to = self.tiles.pixels_before(&self.sizes, line + 1) - first_pixel;
                let products = &products[ix * self.tiles.across * columns..];
                self.output(line, products, count * columns, &mut out[from * columns..to * columns]);
            }
        });
    }

    /// All tiles, each step shared by the team.
    fn step_by_step(&self, team: &Team, out: &mut [f32]) {
        let [depth, columns] = depth_and_columns(&self.sizes);
        let (across, lines) = (self.tiles.across, self.tiles.lines());
        let count = lines * across;
        scratch::with(PLANES * count * (depth + columns), |memory| {
            // The inputs' tiles lie one after the other, so that each is written by one thread.
            let (inputs, products) = memory.split_at_mut(PLANES * count * depth);
            team.for_each_piece(inputs, across * PLANES * depth, |line, inputs| {
                for (tile, inputs) in inputs.chunks_exact_mut(PLANES * depth).enumerate() {
                    self.input(line * across + tile, inputs, depth);
                }
            });
            team.for_each_piece(products, count * columns, |plane, products| {
                let rows = Rows { values: &inputs[plane * depth..], stride: PLANES * depth, count };
                self.product_of(plane, rows, products);
            });
            let parts: Vec<usize> = (0..lines)
                .map(|line| {
                    let before = |line| self.tiles.pixels_before(&self.sizes, line);
                    (before(line + 1) - before(line)) * columns
                })
                .collect();
            team.for_each_part(out, &parts, |line, out| {
                self.output(line, &products[line * across * columns..], count * columns, out);
            });
        });
    }

    /// Bᵀ d B of a tile: its planes lie `step` words apart.
    fn input(&self, tile: usize, planes: &mut [f32], step: usize) {
        let pixels =
            self.tiles.source_pixels(&self.sizes, tile / self.tiles.across, tile % self.tiles.across);
        let mut first = 0;
        for (source, quads) in self.sources.into_iter().zip([self.sizes.a_quads, self.sizes.b_quads]) {
            let length = channels(quads);
            if length > 0 {
                transform_input(self.level, source, length, &pixels, &mut planes[first..], step);
            }
            first += length;
        }
    }

    fn product(&self, plane: usize, inputs: &[f32], products: &mut [f32]) {
        let [depth, _] = depth_and_columns(&self.sizes);
        self.product_of(plane, Rows { values: inputs, stride: depth, count: inputs.len() / depth }, products);
    }

    fn product_of(&self, plane: usize, rows: Rows<'_>, products: &mut [f32]) {
        let [depth, columns] = depth_and_columns(&self.sizes);
        let words = self.weights.len() / PLANES;
        let panels = &self.weights[plane * words..][..words];
        let product = Product { a: rows, depth, panels, scale: 1.0, c: products, c_stride: columns, columns };
        product::run(self.level, product);
    }

    /// Aᵀ M A of a line of tiles, and what is added, into the line's pixels; planes lie `step` words apart.
    fn output(&self, line: usize, products: &[f32], step: usize, out: &mut [f32]) {
        let columns = channels(self.sizes.out_quads);
        let width = self.sizes.out_width as usize;
        let first_pixel = self.tiles.pixels_before(&self.sizes, line);
        let height = out.len() / (columns * width);
        scratch::with(SIDE * SIDE * columns, |tile| {
            for across in 0..self.tiles.across {
                transform_output(self.level, &products[across * columns..], step, columns, tile);
                let wide = SIDE.min(width - across * SIDE);
                for (y, x) in (0..height).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                    let pixel = y * width + across * SIDE + x;
                    let values = &tile[(y * SIDE + x) * columns..][..columns];
                    let out = &mut out[pixel * columns..][..columns];
                    self.addends.store_row(self.level, first_pixel + pixel, values, out);
                }
            }
        });
    }
}

/// Bᵀ times a line of six.
#[inline(always)]
fn six_of<S: Simd>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
    let times = |factor: f32, value| simd.mul_f32s(simd.splat_f32s(factor), value);
    let plus = |factor: f32, value, sum| simd.mul_add_e_f32s(simd.splat_f32s(factor), value, sum);
    let even_near = plus(-2.25, d[2], d[4]);
    let odd_near = times(0.75, plus(-2.25, d[1], d[3]));
    let even_far = plus(-0.5625, d[2], d[4]);
    let odd_far = times(1.5, plus(-0.5625, d[1], d[3]));
    [
        plus(1.265625, d[0], plus(-2.8125, d[2], d[4])),
        simd.add_f32s(even_near, odd_near),
        simd.sub_f32s(even_near, odd_near),
        simd.add_f32s(even_far, odd_far),
        simd.sub_f32s(even_far, odd_far),
        plus(1.265625, d[1], plus(-2.8125, d[3], d[5])),
    ]
}

/// Aᵀ times a line of six.
#[inline(always)]
fn four_of<S: Simd>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let plus = |factor: f32, value, sum| simd.mul_add_e_f32s(simd.splat_f32s(factor), value, sum);
    let times = |factor: f32, value| simd.mul_f32s(simd.splat_f32s(factor), value);
    let (even_near, odd_near) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (even_far, odd_far) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(even_near, even_far)),
        plus(0.75, odd_near, times(1.5, odd_far)),
        plus(0.5625, even_near, times(2.25, even_far)),
        plus(0.421875, odd_near, plus(3.375, odd_far, m[5])),
    ]
}

/// A vector from the first of `values`; where there are fewer, the rest is 0.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match values.get(..S::F32_LANES) {
        Some(values) => S::as_simd_f32s(values).0[0],
        None => simd.partial_load_f32s(values),
    }
}

/// Stores a vector, or as much of it as `out` has room for.
#[inline(always)]
fn store<S: Simd>(simd: S, out: &mut [f32], value: S::f32s) {
    match out.get_mut(..S::F32_LANES) {
        Some(out) => S::as_mut_simd_f32s(out).0[0] = value,
        None => simd.partial_store_f32s(out, value),
    }
}

vectorised! {
    /// Bᵀ d B of the 6 × 6 pixels of one source, `length` channels each, into planes that lie `step` words apart.
    fn transform_input<'a>(
        simd: S, source: &'a [f32], length: usize, pixels: &'a [u32; PLANES], planes: &'a mut [f32], step: usize,
    ) {
        let pixels: [Option<&[f32]>; PLANES] = std::array::from_fn(|ix| match pixels[ix] {
            NOWHERE => None,
            pixel => Some(&source[pixel as usize * length..][..length]),
        });
        for first in (0..length).step_by(S::F32_LANES) {
            let mut columns = [[simd.splat_f32s(0.0); 6]; 6];
            for x in 0..6 {
                let column = std::array::from_fn(|y| match pixels[y * 6 + x] {
                    Some(pixel) => load(simd, &pixel[first..]),
                    None => simd.splat_f32s(0.0),
                });
                columns[x] = six_of(simd, column);
            }
            let end = length.min(first + S::F32_LANES);
            for y in 0..6 {
                let line = six_of(simd, std::array::from_fn(|x| columns[x][y]));
                for x in 0..6 {
                    store(simd, &mut planes[(y * 6 + x) * step..][first..end], line[x]);
                }
            }
        }
    }
}

vectorised! {
    /// Aᵀ M A of a tile's planes, which lie `step` words apart, into its 4 × 4 pixels.
    fn transform_output<'a>(simd: S, planes: &'a [f32], step: usize, channels: usize, tile: &'a mut [f32]) {
        for first in (0..channels).step_by(S::F32_LANES) {
            let end = channels.min(first + S::F32_LANES);
            let mut columns = [[simd.splat_f32s(0.0); 4]; 6];
            for x in 0..6 {
                let column =
                    std::array::from_fn(|y| load(simd, &planes[(y * 6 + x) * step..][first..end]));
                columns[x] = four_of(simd, column);
            }
            for y in 0..SIDE {
                let line = four_of(simd, std::array::from_fn(|x| columns[x][y]));
                for x in 0..SIDE {
                    store(simd, &mut tile[(y * SIDE + x) * channels..][first..end], line[x]);
                }
            }
        }
    }
}
