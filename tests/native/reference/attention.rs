//! The twin of attention: the whole row of weights of each pixel.

use std::ops::Range;

use super::activation::Activation;
use super::layer::{add_scaled, dot};

/// out[p, h] = Σ a[p, s] · v[s, h] over s,  a[p] = softmax(q[p, h] · k[s, h] / √head_dim over s).
///
/// qkv: [pixels, 3 · heads · head_dim], q of all heads, then k, then v; out: [pixels, heads · head_dim].
/// arXiv 1706.03762, eq. 1.
pub fn attention(qkv: &Activation, heads: usize, head_dim: usize) -> Activation {
    assert_eq!(qkv.channels, 3 * heads * head_dim, "q, k and v of {heads} heads of {head_dim}");
    let mut out = Activation::zeros([qkv.height, qkv.width], heads * head_dim);
    for head in 0..heads {
        let [q, k, v] = of_head(qkv, heads, head_dim, head);
        for (pixel, q) in q.iter().enumerate() {
            let mixed = &mut out.pixel_mut(pixel)[head * head_dim..][..head_dim];
            for (s, weight) in weights(q, &k).iter().enumerate() {
                add_scaled(mixed, *weight, v[s]);
            }
        }
    }
    out
}

/// The gradient of [`attention`]: d_qkv, laid out as qkv.
///
/// For each pixel p of a head, with a its weights: d_v[s] += a[s] · d_out[p]; d_a[s] = d_out[p] · v[s];
/// d_logit[s] = a[s] · (d_a[s] − Σ a[r] · d_a[r] over r); d_q[p] += d_logit[s] · k[s] / √head_dim and
/// d_k[s] += d_logit[s] · q[p] / √head_dim.
pub fn attention_backward(qkv: &Activation, heads: usize, head_dim: usize, d_out: &Activation) -> Activation {
    let mut d_qkv = Activation::zeros([qkv.height, qkv.width], qkv.channels);
    for head in 0..heads {
        let [q, k, v] = of_head(qkv, heads, head_dim, head);
        let [q_range, k_range, v_range] = head_ranges(heads, head_dim, head);
        for (pixel, q) in q.iter().enumerate() {
            let d_mixed = &d_out.pixel(pixel)[head * head_dim..][..head_dim];
            let weights = weights(q, &k);
            let d_weights: Vec<f64> = v.iter().map(|v| dot(d_mixed, v)).collect();
            let mean = dot(&weights, &d_weights);
            for s in 0..weights.len() {
                let d_product = weights[s] * (d_weights[s] - mean) / (head_dim as f64).sqrt();
                add_scaled(&mut d_qkv.pixel_mut(pixel)[q_range.clone()], d_product, k[s]);
                add_scaled(&mut d_qkv.pixel_mut(s)[k_range.clone()], d_product, q);
                add_scaled(&mut d_qkv.pixel_mut(s)[v_range.clone()], weights[s], d_mixed);
            }
        }
    }
    d_qkv
}

/// The channels of one head's q, k and v.
fn head_ranges(heads: usize, head_dim: usize, head: usize) -> [Range<usize>; 3] {
    [0, 1, 2].map(|which| (which * heads + head) * head_dim).map(|first| first..first + head_dim)
}

/// One head's q, k and v: for every pixel, [head_dim].
fn of_head(qkv: &Activation, heads: usize, head_dim: usize, head: usize) -> [Vec<&[f64]>; 3] {
    let pixels = 0..qkv.height * qkv.width;
    head_ranges(heads, head_dim, head)
        .map(|range| pixels.clone().map(|pixel| &qkv.pixel(pixel)[range.clone()]).collect())
}

/// softmax(q · k[s] / √head_dim over s): how much of each pixel one pixel takes.
fn weights(q: &[f64], k: &[&[f64]]) -> Vec<f64> {
    softmax(k.iter().map(|k| dot(q, k) / (q.len() as f64).sqrt()).collect())
}

/// exp(x − max x) / Σ exp(x − max x).
fn softmax(logits: Vec<f64>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
