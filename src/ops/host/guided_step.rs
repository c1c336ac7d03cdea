//! Host kernels of `shaders/guided_step.wgsl`: `p_sample.rs`'s, moved by g, the gradient of ln p(y | x_t) in x_t,
//!
//! ```text
//! p_sample_guided:   x_prev = x_prev of p_sample + σ²·g
//! ddim_step_guided:  ε̂ ← ε̂ − √(1 − ᾱ_t)·g,  x̂_0 ← (x_t − √(1 − ᾱ_t)·ε̂) / √ᾱ_t, then as ddim_step
//! ```

use super::p_sample::reverse_step;
use crate::gpu::Call;

/// Algorithm 1 of arXiv 2105.05233.
pub fn p_sample_guided(call: &mut Call<'_>) {
    let gradient = call.read(6);
    reverse_step(call, true, Some(gradient));
}

/// Algorithm 2 of arXiv 2105.05233.
pub fn ddim_step_guided(call: &mut Call<'_>) {
    let gradient = call.read(6);
    reverse_step(call, false, Some(gradient));
}
