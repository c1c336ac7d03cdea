//! The operations on the GPU, one file each: what a shader binds, its sizes, its dispatches.
//!
//! `conv2d.rs` belongs to `shaders/conv2d.wgsl`, and so on. [`Network`] turns the recording of a [`Graph`] into a
//! plan by them; the sampler records the steps of the chain around it.
//!
//! [`Graph`]: crate::graph::Graph

/// The host functions of a shader's entry points, in their order: `ops::host::$file::$kernel`.
#[cfg(feature = "processor")]
macro_rules! host {
    ($($file:ident::$kernel:ident),*) => { &[$($crate::ops::host::$file::$kernel),*] };
}
/// A build without processors has no host kernels.
#[cfg(not(feature = "processor"))]
macro_rules! host {
    ($($file:ident::$kernel:ident),*) => {
        &[]
    };
}

#[cfg(feature = "train")]
mod accumulate;
#[cfg(feature = "train")]
pub mod adam;
pub mod advance;
#[cfg(feature = "train")]
pub mod advance_training;
pub mod attention;
#[cfg(feature = "train")]
mod backward;
#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "what only training asks"))]
mod block;
#[cfg(feature = "evaluation")]
pub mod bound;
pub mod chain;
#[cfg(feature = "train")]
mod channel_sums;
mod class_embedding;
#[cfg(feature = "train")]
mod class_embedding_gradient;
#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "what only training asks"))]
mod conv2d;
pub mod display;
#[cfg(feature = "train")]
pub mod draw_timesteps;
#[cfg(feature = "train")]
mod dropout;
#[cfg(feature = "train")]
pub mod gradient_norm;
mod group_norm;
pub mod guided_step;
#[cfg(feature = "processor")]
#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "what only training asks"))]
pub(crate) mod host;
pub mod inpaint;
mod linear;
#[cfg(feature = "train")]
mod linear_gradient;
pub mod matmul;
#[cfg(feature = "train")]
mod mean_loss;
mod network;
pub mod normals;
pub mod p_sample;
pub mod q_sample;
#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "what only training asks"))]
mod recording;
pub mod softmax;
#[cfg(feature = "train")]
pub mod store;
#[cfg(feature = "train")]
mod sum_partials;
mod timestep_embedding;
#[cfg(feature = "train")]
mod training;
#[cfg(feature = "train")]
pub mod training_loss;
#[cfg(feature = "tuning")]
pub mod tuning;

#[cfg(feature = "train")]
pub(crate) use conv2d::scratch_words;
pub use network::{Network, to_channels_first, to_channels_last};
#[cfg(feature = "train")]
pub use training::{TrainingNetwork, TrainingOptions};

use crate::gpu::{KernelKey, Shader, Tile};
use crate::graph::{Graph, Op};

/// Every compute shader.
pub static SHADERS: &[&Shader] = &[
    #[cfg(feature = "train")]
    &accumulate::ACCUMULATE,
    #[cfg(feature = "train")]
    &adam::ADAM,
    &advance::ADVANCE,
    #[cfg(feature = "train")]
    &advance_training::ADVANCE_TRAINING,
    #[cfg(feature = "evaluation")]
    &bound::BOUND,
    #[cfg(feature = "train")]
    &channel_sums::CHANNEL_SUMS,
    &class_embedding::CLASS_EMBEDDING,
    #[cfg(feature = "train")]
    &class_embedding_gradient::CLASS_EMBEDDING_GRADIENT,
    &conv2d::CONV2D,
    &conv2d::CONV2D_NAIVE,
    &conv2d::CONV2D_TEXEL,
    #[cfg(feature = "train")]
    &conv2d::CONV2D_WEIGHT_GRADIENT,
    #[cfg(feature = "train")]
    &conv2d::CONV2D_WEIGHT_GRADIENT_NAIVE,
    #[cfg(feature = "train")]
    &conv2d::CONV2D_WEIGHT_GRADIENT_TEXEL,
    #[cfg(feature = "train")]
    &conv2d::TRANSPOSE_WEIGHTS,
    &display::DISPLAY,
    #[cfg(feature = "train")]
    &draw_timesteps::DRAW_TIMESTEPS,
    #[cfg(feature = "train")]
    &dropout::DROPOUT,
    #[cfg(feature = "train")]
    &gradient_norm::GRADIENT_NORM,
    &group_norm::GROUP_NORM,
    #[cfg(feature = "train")]
    &group_norm::GROUP_NORM_GRADIENT,
    #[cfg(feature = "train")]
    &group_norm::GROUP_NORM_PARAMETERS,
    &guided_step::GUIDED_STEP,
    &inpaint::INPAINT,
    &linear::LINEAR,
    #[cfg(feature = "train")]
    &linear_gradient::LINEAR_GRADIENT,
    &matmul::MATMUL,
    &matmul::MATMUL_TEXEL,
    #[cfg(feature = "train")]
    &mean_loss::MEAN_LOSS,
    &normals::NORMALS,
    &p_sample::P_SAMPLE,
    &q_sample::Q_SAMPLE,
    &softmax::SOFTMAX,
    #[cfg(feature = "train")]
    &sum_partials::SUM_PARTIALS,
    &timestep_embedding::TIMESTEP_EMBEDDING,
    #[cfg(feature = "train")]
    &training_loss::TRAINING_LOSS,
    #[cfg(feature = "tuning")]
    &conv2d::CONV2D_HALF,
    #[cfg(feature = "tuning")]
    &conv2d::CONV2D_SPLIT,
    #[cfg(feature = "tuning")]
    &conv2d::CONV2D_SUM,
    #[cfg(feature = "tuning")]
    &conv2d::WINOGRAD_INPUT,
    &conv2d::WINOGRAD_INPUT_TEXEL,
    #[cfg(feature = "tuning")]
    &conv2d::WINOGRAD_OUTPUT,
    &conv2d::WINOGRAD_OUTPUT_TEXEL,
    #[cfg(feature = "tuning")]
    &conv2d::WINOGRAD_PRODUCT,
    &conv2d::WINOGRAD_WEIGHTS,
];

/// Those that need more of a device than WebGPU's core: `shaders/native/`. Each `enable`s it.
#[cfg(feature = "tuning")]
pub static NATIVE_SHADERS: &[&Shader] = &[
    &conv2d::CONV2D_MATRICES,
    #[cfg(feature = "train")]
    &conv2d::CONV2D_WEIGHT_GRADIENT_MATRICES,
];

/// The kernels that [`Network::new`] needs for `graph` under `tile` where the rule chooses the methods, as it does in a page: to be
/// compiled one at a time before it.
pub fn kernels(graph: &Graph, tile: Tile) -> Vec<KernelKey> {
    let mut keys: Vec<KernelKey> = Vec::new();
    for op in &graph.ops {
        let needed = match op {
            Op::TimestepEmbedding { .. } => all_entries(&timestep_embedding::TIMESTEP_EMBEDDING),
            Op::ClassEmbedding { .. } => all_entries(&class_embedding::CLASS_EMBEDDING),
            Op::Linear { .. } => all_entries(&linear::LINEAR),
            Op::Conv2d(_) => conv2d::kernels(tile),
            Op::GroupNorm { .. } => all_entries(&group_norm::GROUP_NORM),
            Op::Attention { .. } => attention::kernels(tile).to_vec(),
        };
        keys.extend(needed.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
    }
    keys
}

fn all_entries(shader: &'static Shader) -> Vec<KernelKey> {
    shader.entry_points.iter().map(|entry_point| KernelKey::new(shader, entry_point)).collect()
}
