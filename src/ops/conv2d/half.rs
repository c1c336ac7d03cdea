//! Weights that are kept as f16 on GPUs, where each of them is exactly that: `shaders/conv2d_half.wgsl`.

use super::{BUFFER_BINDINGS, Conv2d, Convolution, split};
use crate::error::Result;
use crate::gpu::{GpuContext, KernelKey, Params, Shader, wgsl};
use crate::ops::recording::Recording;

/// `shaders/conv2d_half.wgsl`.
pub static CONV2D_HALF: Shader = Shader {
    name: "conv2d_half",
    source: wgsl!("conv2d_half"),
    params: Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_half", "conv2d_half_split"],
    consts: &[("TILE", &[32, 64])],
    host: &[],
};

/// What weights are multiplied by, so that none is an f16 below 2⁻¹⁴, which adapters may take for 0.
const SCALE: f32 = 1024.0;

/// Whether a direct convolution of these sizes reads weights as f16 here, where they are exactly that.
pub(super) fn is_chosen(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    gpu.method(&sizes.shape()).half_weights
}

/// The bits of `weights` as the shader reads them; `None` if one of them is not exactly an f16, or is 64 or more.
pub(in crate::ops) fn halves(weights: &[f32]) -> Option<Vec<u16>> {
    let half = |&weight: &f32| {
        let scaled = half::f16::from_f32(weight * SCALE);
        (scaled.to_f32() == weight * SCALE && (scaled.is_normal() || weight == 0.0))
            .then_some(scaled.to_bits())
    };
    weights.iter().map(half).collect()
}

/// Records a convolution in tiles of `size` by `size`, split or not.
pub(super) fn record(convolution: &Convolution<'_>, r: &mut Recording<'_, '_>, size: u32) -> Result<()> {
    let [whole, share] = ["conv2d_half", "conv2d_half_split"].map(|entry_point| KernelKey {
        shader: &CONV2D_HALF,
        entry_point,
        consts: [size, 0],
    });
    match split::is_chosen(r.rec.gpu, &convolution.sizes) {
        true => split::record(convolution, r, share, size),
        false => convolution.record_tiles(r, whole, &convolution.sizes, size, &convolution.out),
    }
}
