//! The twin of conv2d: every output is the product of a row of weights and a patch of the input.

use ddpm::graph::Conv2d;

use super::activation::Activation;
use super::layer::{Layer, add_scaled, dot};

/// out[y, x, o] = bias[o] + Σ weight[o, i, ky, kx] · in[y · stride + ky − padding, x · stride + kx − padding, i]
///              + embedding[o] + residual[y, x, o]
///
/// over i, ky and kx, with zeros outside of the input; an upsampled input is read at half of each index.
/// x: the sources concatenated; layer: [out, in, kernel, kernel]; embedding: [out].
pub fn conv2d(
    conv: &Conv2d,
    x: &Activation,
    layer: &Layer,
    add_embedding: Option<&[f64]>,
    residual: Option<&Activation>,
    out_size: [usize; 2],
) -> Activation {
    let patch_length = x.channels * (conv.kernel * conv.kernel) as usize;
    assert_eq!(layer.weight.len(), layer.bias.len() * patch_length, "weight [out, in, kernel, kernel]");
    let mut out = Activation::zeros(out_size, layer.bias.len());
    for pixel in 0..out_size[0] * out_size[1] {
        let patch = patch(conv, x, [pixel / out_size[1], pixel % out_size[1]]);
        for (o, row) in layer.weight.chunks_exact(patch_length).enumerate() {
            out.pixel_mut(pixel)[o] = layer.bias[o]
                + dot(row, &patch)
                + add_embedding.map_or(0.0, |embedding| embedding[o])
                + residual.map_or(0.0, |residual| residual.pixel(pixel)[o]);
        }
    }
    out
}

/// The gradients of [`conv2d`]: d_x and d_layer.
///
/// With P the patch that an output pixel reads: d_weight[o] = Σ d_out[y, x, o] · P(y, x) and
/// d_bias[o] = Σ d_out[y, x, o] over all pixels, and d_P(y, x) = Σ weight[o] · d_out[y, x, o] over o goes back to
/// where P was read. The embedding's gradient is d_bias, the residual's is d_out.
pub fn conv2d_backward(
    conv: &Conv2d,
    x: &Activation,
    layer: &Layer,
    d_out: &Activation,
) -> (Activation, Layer) {
    let mut d_layer = layer.zeros_like();
    let mut d_x = Activation::zeros([x.height, x.width], x.channels);
    let patch_length = layer.weight.len() / layer.bias.len();
    for pixel in 0..d_out.height * d_out.width {
        let at = [pixel / d_out.width, pixel % d_out.width];
        let patch = patch(conv, x, at);
        let mut d_patch = vec![0.0; patch_length];
        for (o, &d) in d_out.pixel(pixel).iter().enumerate() {
            let row = o * patch_length..(o + 1) * patch_length;
            d_layer.bias[o] += d;
            add_scaled(&mut d_layer.weight[row.clone()], d, &patch);
            add_scaled(&mut d_patch, d, &layer.weight[row]);
        }
        add_patch(conv, &mut d_x, at, &d_patch);
    }
    (d_x, d_layer)
}

/// What output pixel `out` (y, x) reads: [in, kernel, kernel].
fn patch(conv: &Conv2d, x: &Activation, out: [usize; 2]) -> Vec<f64> {
    let kernel = conv.kernel as usize;
    let mut patch = vec![0.0; x.channels * kernel * kernel];
    for ky in 0..kernel {
        for kx in 0..kernel {
            let Some(pixel) = tap_pixel(conv, x, out, [ky, kx]) else { continue };
            for (i, value) in x.pixel(pixel).iter().enumerate() {
                patch[(i * kernel + ky) * kernel + kx] = *value;
            }
        }
    }
    patch
}

/// The transpose of [`patch`]: adds each entry of d_patch to the value that it is the gradient of.
fn add_patch(conv: &Conv2d, d_x: &mut Activation, out: [usize; 2], d_patch: &[f64]) {
    let kernel = conv.kernel as usize;
    for ky in 0..kernel {
        for kx in 0..kernel {
            let Some(pixel) = tap_pixel(conv, d_x, out, [ky, kx]) else { continue };
            for (i, d) in d_x.pixel_mut(pixel).iter_mut().enumerate() {
                *d += d_patch[(i * kernel + ky) * kernel + kx];
            }
        }
    }
}

/// The pixel of `x` under tap (ky, kx) of output pixel (y, x), if it is not padding.
fn tap_pixel(conv: &Conv2d, x: &Activation, out: [usize; 2], tap: [usize; 2]) -> Option<usize> {
    let scale = if conv.upsample { 2 } else { 1 };
    let along = |out: usize, tap: usize, length: usize| {
        let at = (out * conv.stride as usize + tap).checked_sub(conv.padding as usize)?;
        (at < length * scale).then_some(at / scale)
    };
    Some(along(out[0], tap[0], x.height)? * x.width + along(out[1], tap[1], x.width)?)
}
