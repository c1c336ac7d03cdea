//! Convolutions on matrix units, forward and backward: `shaders/native/conv2d_matrices.wgsl` and
//! `conv2d_weight_gradient_matrices.wgsl`.

use super::BUFFER_BINDINGS;
#[cfg(feature = "train")]
use super::gradient::{self, Conv2dWeightGradient};
use crate::gpu::{KernelKey, Params, Shader, wgsl};
#[cfg(feature = "train")]
use crate::graph::Graph;

/// Sides of the matrices, and the most invocations of a subgroup.
const CONSTS: &[(&str, &[u32])] = &[("SIDE", &[8, 16]), ("SUBGROUP", &[8, 16, 32, 64])];

/// `shaders/native/conv2d_matrices.wgsl`.
pub static CONV2D_MATRICES: Shader = Shader {
    name: "conv2d_matrices",
    source: wgsl!("native/conv2d_matrices"),
    params: super::Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_matrices"],
    consts: CONSTS,
    host: &[],
};

/// `shaders/native/conv2d_weight_gradient_matrices.wgsl`.
#[cfg(feature = "train")]
pub static CONV2D_WEIGHT_GRADIENT_MATRICES: Shader = Shader {
    name: "conv2d_weight_gradient_matrices",
    source: wgsl!("native/conv2d_weight_gradient_matrices"),
    params: Conv2dWeightGradient::LAYOUT,
    bindings: gradient::BUFFER_BINDINGS,
    entry_points: &["conv2d_weight_gradient_matrices"],
    consts: CONSTS,
    host: &[],
};

/// The kernel of `shader`, which is one of these.
pub(super) fn kernel(shader: &'static Shader, side: u32, subgroup: u32) -> KernelKey {
    KernelKey { shader, entry_point: shader.entry_points[0], consts: [side, subgroup] }
}

/// By what a gradient is multiplied before it is rounded to f16, whose least number is 6e-8: a loss is a mean over all
/// elements of the network's output, so that its gradient is some 1 / elements.
#[cfg(feature = "train")]
pub(super) fn gradient_scale(graph: &Graph, samples: u32) -> f32 {
    let output = graph.tensor(graph.output());
    let elements = u64::from(samples) * u64::from(output.pixels()) * u64::from(output.channels());
    elements.next_power_of_two() as f32
}
