//! The gradient of attention, in every tiling: numbers of pixels and heads that fill no tile.

use ddpm::gpu::{GpuContext, Recorder, Tile};
use ddpm::graph::{Op, Tensor};
use ddpm::ops::attention::{GradientTexels, Gradients, Sizes, record_backward};
use ddpm::ops::{to_channels_first, to_channels_last};

use super::super::compare::assert_max_abs;
use super::super::reference::Activation;
use super::{
    Builder, RandomParameters, TOLERANCE, Twin, assert_fails, assert_padding_is_zero, assert_relative_l2,
    assert_same_bits, block_on, gpu, normals, tilings,
};

/// Weights and gradients in f64.
struct Expected {
    /// [samples, heads, tokens, tokens].
    weights: Vec<f64>,
    /// [samples, 3 · heads · head_dim, tokens].
    d_qkv: Vec<f64>,
}

struct Case {
    sizes: Sizes,
    /// [samples, 3 · heads · head_dim, tokens].
    qkv: Vec<f32>,
    /// [samples, heads · head_dim, tokens].
    d_out: Vec<f32>,
}

impl Case {
    fn new(samples: u32, tokens: u32, heads: u32, head_dim: u32, deviation: f64) -> Self {
        let sizes = Sizes { samples, tokens, heads, head_dim };
        let count = (samples * tokens * heads * head_dim) as usize;
        Self { sizes, qkv: normals(1, 3 * count, 0.0, deviation), d_out: normals(2, count, 0.1, 1.0) }
    }

    fn name(&self) -> String {
        let Sizes { samples, tokens, heads, head_dim } = self.sizes;
        format!("{samples} × {tokens} tokens, {heads} heads of {head_dim}")
    }

    /// A tensor of `parts` heads a token.
    fn tensor(&self, parts: u32) -> Tensor {
        let segments = vec![self.sizes.head_dim; parts as usize];
        Tensor { name: "tensor".to_owned(), height: self.sizes.tokens, width: 1, segments }
    }

    /// For each head: P = softmax(q kᵀ / √dim), dP = d_out vᵀ, dS = P ∘ (dP − Σ P ∘ dP); d_q = dS k / √dim,
    /// d_k = dSᵀ q / √dim, d_v = Pᵀ d_out.
    fn expected(&self) -> Expected {
        let [tokens, heads, dim] =
            [self.sizes.tokens, self.sizes.heads, self.sizes.head_dim].map(|n| n as usize);
        let scale = (dim as f64).sqrt().recip();
        let mut weights = Vec::new();
        let mut d_qkv = vec![0.0; self.qkv.len()];
        for (sample, head) in (0..self.sizes.samples as usize).flat_map(|n| (0..heads).map(move |h| (n, h))) {
            let place = |part: usize, token: usize, d: usize| {
                ((sample * 3 * heads + part * heads + head) * dim + d) * tokens + token
            };
            let element = |part, token, d| f64::from(self.qkv[place(part, token, d)]);
            let q = |token, d| element(0, token, d);
            let k = |token, d| element(1, token, d);
            let v = |token, d| element(2, token, d);
            let d_out = |token: usize, d: usize| {
                f64::from(self.d_out[((sample * heads + head) * dim + d) * tokens + token])
            };
            for m in 0..tokens {
                let logits: Vec<f64> =
                    (0..tokens).map(|n| scale * (0..dim).map(|d| q(m, d) * k(n, d)).sum::<f64>()).collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
                let total: f64 = powers.iter().sum();
                let p: Vec<f64> = powers.iter().map(|power| power / total).collect();
                let d_p: Vec<f64> =
                    (0..tokens).map(|n| (0..dim).map(|d| d_out(m, d) * v(n, d)).sum()).collect();
                let mean: f64 = p.iter().zip(&d_p).map(|(p, d_p)| p * d_p).sum();
                for n in 0..tokens {
                    let d_s = scale * p[n] * (d_p[n] - mean);
                    for d in 0..dim {
                        d_qkv[place(0, m, d)] += d_s * k(n, d);
                        d_qkv[place(1, n, d)] += d_s * q(m, d);
                        d_qkv[place(2, n, d)] += p[n] * d_out(m, d);
                    }
                }
                weights.extend(p);
            }
        }
        Expected { weights, d_qkv }
    }

    /// [samples, 3 · heads · head_dim, tokens].
    fn run(&self, gpu: &GpuContext, name: &str, weights: &[f64]) -> Vec<f32> {
        let (qkv_tensor, out_tensor) = (self.tensor(3 * self.sizes.heads), self.tensor(self.sizes.heads));
        let upload = |values: &[f32]| gpu.buffer_with("values", values).expect("memory");
        let tokens = self.sizes.tokens as usize;
        let padded_rows = weights.chunks_exact(tokens).flat_map(|row| {
            let padding = tokens.next_multiple_of(4) - tokens;
            row.iter().map(|&p| p as f32).chain(std::iter::repeat_n(0.0, padding))
        });
        let weights = upload(&padded_rows.collect::<Vec<f32>>());
        assert_eq!(weights.bytes(), self.sizes.scores_words().max(4) * 4, "{name}: the weights' bytes");
        let qkv = upload(&to_channels_last(&qkv_tensor, &self.qkv));
        let d_out = upload(&to_channels_last(&out_tensor, &self.d_out));
        // Whatever was there before.
        let [d_weights, d_qkv] =
            [&weights, &qkv].map(|like| upload(&vec![f32::NAN; like.bytes() as usize / 4]));
        let buffers =
            Gradients { qkv: &qkv, weights: &weights, d_out: &d_out, d_weights: &d_weights, d_qkv: &d_qkv };
        let texels = (gpu.tile() == Tile::Registers).then(|| {
            [&qkv, &d_out, &weights].map(|b| gpu.texels("scratch", b.texel_rows() + 1).expect("memory"))
        });
        let texels = texels.as_ref().map(|[qkv, d_out, scores]| GradientTexels { qkv, d_out, scores });
        let mut recorder = Recorder::new(gpu);
        record_backward(&mut recorder, name, &self.sizes, &buffers, texels.as_ref()).expect("recorded");
        let plan = recorder.finish();
        let once = || {
            plan.submit(gpu);
            block_on(gpu.read::<f32>(&d_qkv)).expect("d_qkv")
        };
        let memory = once();
        assert_same_bits(name, &once(), &memory);
        assert_padding_is_zero(name, &qkv_tensor, &memory);
        to_channels_first(&qkv_tensor, &memory)
    }

    /// q's, k's or v's share of [samples, 3 · heads · head_dim, tokens].
    fn part<T: Copy>(&self, values: &[T], part: usize) -> Vec<T> {
        let share = (self.sizes.heads * self.sizes.head_dim * self.sizes.tokens) as usize;
        values.chunks_exact(share).skip(part).step_by(3).flatten().copied().collect()
    }

    fn check(&self) {
        let expected = self.expected();
        for (tile, gpu) in tilings() {
            let name = format!("{}, {tile:?}", self.name());
            let found = self.run(gpu, &name, &expected.weights);
            for (part, what) in ["d_q", "d_k", "d_v"].into_iter().enumerate() {
                let (found, want) = (self.part(&found, part), self.part(&expected.d_qkv, part));
                assert_relative_l2(&format!("{name}, {what}"), &found, &want, TOLERANCE);
            }
        }
    }
}

#[test]
fn pixels_that_fill_no_tile() {
    for tokens in [1, 2, 3, 5, 35, 49, 64, 65, 70, 256] {
        Case::new(2, tokens, 1, 8, 1.0).check();
        Case::new(1, tokens, 2, 3, 1.0).check();
    }
}

#[test]
fn heads_of_every_width() {
    for (heads, head_dim) in
        [(1, 1), (3, 1), (1, 2), (4, 3), (2, 4), (3, 5), (2, 8), (2, 12), (3, 20), (1, 64)]
    {
        Case::new(1, 35, heads, head_dim, 1.0).check();
        Case::new(3, 9, heads, head_dim, 1.0).check();
    }
}

#[test]
fn flat_and_sharp_weights() {
    for deviation in [1e-2, 2.0] {
        Case::new(2, 49, 2, 8, deviation).check();
    }
}

/// Σ d_out · out of the forward twin, moved by ± h in every element of qkv.
#[test]
fn the_expected_gradient_is_the_slope_of_attention() {
    let (tokens, heads, head_dim) = (6, 2, 3);
    let case = Case::new(1, tokens, heads, head_dim, 1.0);
    let mut b = Builder::with_segments([tokens, 1], &[head_dim; 6]);
    let (qkv, out) = (b.x(), b.tensor([tokens, 1], &[head_dim; 2]));
    b.push(Op::Attention { qkv, heads, head_dim, out });
    let graph = b.finish(out);
    let parameters = RandomParameters::new(&graph, 1);
    let twin = Twin::new(&graph, &parameters);
    let loss = |qkv: &[f64]| -> f64 {
        let mut x = Activation::zeros([tokens as usize, 1], (3 * heads * head_dim) as usize);
        for (ix, value) in qkv.iter().enumerate() {
            x.pixel_mut(ix % tokens as usize)[ix / tokens as usize] = *value;
        }
        let out = twin.forward(x, 0, None)[out.0].to_planes();
        out.iter().zip(&case.d_out).map(|(out, &d)| out * f64::from(d)).sum()
    };
    let qkv: Vec<f64> = case.qkv.iter().map(|&x| x.into()).collect();
    let h = 1e-5;
    let slopes = (0..qkv.len()).map(|ix| {
        let moved = |by: f64| {
            let mut qkv = qkv.clone();
            qkv[ix] += by;
            loss(&qkv)
        };
        (moved(h) - moved(-h)) / (2.0 * h)
    });
    let slopes: Vec<f64> = slopes.collect();
    assert_max_abs("expected d_qkv", &case.expected().d_qkv, &slopes, 1e-8);
}

#[test]
fn wrong_gradients_are_seen() {
    let case = Case::new(2, 5, 2, 3, 1.0);
    let expected = case.expected();
    let found = case.run(gpu(), "right", &expected.weights);
    let close = |found: &[f32]| assert_relative_l2("gradient", found, &expected.d_qkv, TOLERANCE);
    close(&found);
    let uniform = vec![0.2; expected.weights.len()];
    assert_fails("other weights", || close(&case.run(gpu(), "spoilt", &uniform)));
    let other = Case { d_out: case.d_out.iter().map(|d| d * 1.0001).collect(), ..Case::new(2, 5, 2, 3, 1.0) };
    assert_fails("another d_out", || close(&other.run(gpu(), "spoilt", &expected.weights)));
    let other = Case { qkv: case.qkv.iter().map(|x| x * 1.0001).collect(), ..Case::new(2, 5, 2, 3, 1.0) };
    assert_fails("another qkv", || close(&other.run(gpu(), "spoilt", &expected.weights)));
}
