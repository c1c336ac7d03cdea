//! The twin of group_norm: two passes over each group.

use super::activation::Activation;
use super::layer::{Layer, silu};

/// What follows the normalisation.
pub struct AfterNorm<'a> {
    /// y · (1 + scale) + shift, [channels] each.
    pub scale_shift: Option<[&'a [f64]; 2]>,
    /// Then silu(y).
    pub silu: bool,
}

/// y = γ · (x − mean) / √(variance + eps) + β, mean and (biased) variance over the pixels and channels of a group.
///
/// x: [pixels, channels], the sources concatenated; layer: γ and β, [channels] each. arXiv 1803.08494.
pub fn group_norm(x: &Activation, layer: &Layer, groups: usize, eps: f64, after: &AfterNorm) -> Activation {
    assert_eq!(x.channels % groups, 0, "{groups} groups of {} channels", x.channels);
    let (pixels, width) = (x.height * x.width, x.channels / groups);
    let count = (pixels * width) as f64;
    let mut out = Activation::zeros([x.height, x.width], x.channels);
    for group in 0..groups {
        let channels = group * width..(group + 1) * width;
        let values = || (0..pixels).flat_map(|pixel| &x.pixel(pixel)[channels.clone()]);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        for pixel in 0..pixels {
            for c in channels.clone() {
                let normed = (x.pixel(pixel)[c] - mean) / (variance + eps).sqrt();
                let mut y = layer.weight[c] * normed + layer.bias[c];
                if let Some([scale, shift]) = after.scale_shift {
                    y = y * (1.0 + scale[c]) + shift[c];
                }
                out.pixel_mut(pixel)[c] = if after.silu { silu(y) } else { y };
            }
        }
    }
    out
}
