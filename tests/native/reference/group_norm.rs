//! The twin of group_norm: two passes over each group.

use std::ops::Range;

use super::activation::Activation;
use super::layer::{Layer, d_silu, silu};

/// What follows the normalisation.
pub struct AfterNorm<'a> {
    /// y · (1 + scale) + shift, [channels] each.
    pub scale_shift: Option<[&'a [f64]; 2]>,
    /// Then silu(y).
    pub silu: bool,
}

impl AfterNorm<'_> {
    /// What channel c is multiplied by: 1 + scale.
    fn factor(&self, c: usize) -> f64 {
        self.scale_shift.map_or(1.0, |[scale, _]| 1.0 + scale[c])
    }

    /// What is added to channel c then.
    fn shift(&self, c: usize) -> f64 {
        self.scale_shift.map_or(0.0, |[_, shift]| shift[c])
    }
}

/// y = γ · (x − mean) / √(variance + eps) + β, mean and (biased) variance over the pixels and channels of a group.
///
/// x: [pixels, channels], the sources concatenated; layer: γ and β, [channels] each. arXiv 1803.08494.
pub fn group_norm(x: &Activation, layer: &Layer, groups: usize, eps: f64, after: &AfterNorm) -> Activation {
    let mut out = Activation::zeros([x.height, x.width], x.channels);
    for channels in group_ranges(x, groups) {
        let moments = Moments::of(x, &channels, eps);
        for pixel in 0..x.height * x.width {
            for c in channels.clone() {
                let normed = moments.normed(x.pixel(pixel)[c]);
                let y = (layer.weight[c] * normed + layer.bias[c]) * after.factor(c) + after.shift(c);
                out.pixel_mut(pixel)[c] = if after.silu { silu(y) } else { y };
            }
        }
    }
    out
}

/// The gradients of [`group_norm`].
pub struct GroupNormGradients {
    /// [pixels, channels], the sources concatenated.
    pub x: Activation,
    /// Of γ and β.
    pub layer: Layer,
    /// [channels] each; all zeros where there is no conditioning.
    pub scale_shift: [Vec<f64>; 2],
}

/// The gradients of [`group_norm`].
///
/// With n = (x − mean) / √(variance + eps), u = γ n + β, y = u (1 + scale) + shift and d_y = d_out · silu'(y):
/// d_shift = Σ d_y, d_scale = Σ d_y u, d_β = Σ d_u, d_γ = Σ d_u n with d_u = d_y (1 + scale), over the pixels; and
/// d_x = (d_n − ⟨d_n⟩ − n ⟨d_n n⟩) / √(variance + eps) with d_n = γ d_u and ⟨·⟩ the mean over the group.
pub fn group_norm_backward(
    x: &Activation,
    layer: &Layer,
    groups: usize,
    eps: f64,
    after: &AfterNorm,
    d_out: &Activation,
) -> GroupNormGradients {
    let mut d_x = Activation::zeros([x.height, x.width], x.channels);
    let mut d_layer = layer.zeros_like();
    let [mut d_scale, mut d_shift] = [vec![0.0; x.channels], vec![0.0; x.channels]];
    for channels in group_ranges(x, groups) {
        let moments = Moments::of(x, &channels, eps);
        let (mut sum, mut sum_normed) = (0.0, 0.0);
        // First d_n into d_x, and its sums.
        for pixel in 0..x.height * x.width {
            for c in channels.clone() {
                let normed = moments.normed(x.pixel(pixel)[c]);
                let u = layer.weight[c] * normed + layer.bias[c];
                let y = u * after.factor(c) + after.shift(c);
                let d_y = d_out.pixel(pixel)[c] * if after.silu { d_silu(y) } else { 1.0 };
                d_shift[c] += d_y;
                d_scale[c] += d_y * u;
                let d_u = d_y * after.factor(c);
                d_layer.bias[c] += d_u;
                d_layer.weight[c] += d_u * normed;
                let d_normed = layer.weight[c] * d_u;
                sum += d_normed;
                sum_normed += d_normed * normed;
                d_x.pixel_mut(pixel)[c] = d_normed;
            }
        }
        let count = (x.height * x.width * channels.len()) as f64;
        for pixel in 0..x.height * x.width {
            for c in channels.clone() {
                let normed = moments.normed(x.pixel(pixel)[c]);
                let d = &mut d_x.pixel_mut(pixel)[c];
                *d = (*d - sum / count - normed * sum_normed / count) / moments.deviation;
            }
        }
    }
    GroupNormGradients { x: d_x, layer: d_layer, scale_shift: [d_scale, d_shift] }
}

/// The channels of each group.
fn group_ranges(x: &Activation, groups: usize) -> impl Iterator<Item = Range<usize>> {
    assert_eq!(x.channels % groups, 0, "{groups} groups of {} channels", x.channels);
    let width = x.channels / groups;
    (0..groups).map(move |group| group * width..(group + 1) * width)
}

/// The distribution of one group.
struct Moments {
    mean: f64,
    /// √(variance + eps).
    deviation: f64,
}

impl Moments {
    fn of(x: &Activation, channels: &Range<usize>, eps: f64) -> Self {
        let pixels = x.height * x.width;
        let count = (pixels * channels.len()) as f64;
        let values = || (0..pixels).flat_map(|pixel| &x.pixel(pixel)[channels.clone()]);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self { mean, deviation: (variance + eps).sqrt() }
    }

    fn normed(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }
}
