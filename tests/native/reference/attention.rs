//! The twin of attention: the whole row of weights of each pixel.

use super::activation::Activation;
use super::layer::dot;

/// out[p, h] = Σ a[p, s] · v[s, h] over s,  a[p] = softmax(q[p, h] · k[s, h] / √head_dim over s).
///
/// qkv: [pixels, 3 · heads · head_dim], q of all heads, then k, then v; out: [pixels, heads · head_dim].
/// arXiv 1706.03762, eq. 1.
pub fn attention(qkv: &Activation, heads: usize, head_dim: usize) -> Activation {
    assert_eq!(qkv.channels, 3 * heads * head_dim, "q, k and v of {heads} heads of {head_dim}");
    let pixels = qkv.height * qkv.width;
    let mut out = Activation::zeros([qkv.height, qkv.width], heads * head_dim);
    for head in 0..heads {
        let part =
            |which: usize, pixel: usize| &qkv.pixel(pixel)[(which * heads + head) * head_dim..][..head_dim];
        for pixel in 0..pixels {
            let logits = (0..pixels).map(|s| {
                let product = dot(part(0, pixel), part(1, s));
                product / (head_dim as f64).sqrt()
            });
            let weights = softmax(logits.collect());
            for (s, weight) in weights.iter().enumerate() {
                for (d, v) in part(2, s).iter().enumerate() {
                    out.pixel_mut(pixel)[head * head_dim + d] += weight * v;
                }
            }
        }
    }
    out
}

/// exp(x − max x) / Σ exp(x − max x).
fn softmax(logits: Vec<f64>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
