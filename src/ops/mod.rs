//! The operations on the GPU, one file each: what a shader binds, its sizes, its dispatches.
//!
//! `conv2d.rs` belongs to `shaders/conv2d.wgsl`, and so on. [`Network`] turns the recording of a [`Graph`] into a
//! plan by them; the sampler records the steps of the chain around it.
//!
//! [`Graph`]: crate::graph::Graph

mod accumulate;
pub mod adam;
pub mod advance;
pub mod advance_training;
pub mod attention;
mod backward;
mod block;
pub mod bound;
pub mod chain;
mod channel_sums;
mod class_embedding;
mod conv2d;
pub mod display;
pub mod draw_timesteps;
mod dropout;
pub mod gradient_norm;
mod group_norm;
pub mod guided_step;
#[cfg(feature = "processor")]
pub(crate) mod host;
pub mod inpaint;
mod linear;
pub mod matmul;
mod mean_loss;
mod network;
pub mod normals;
pub mod p_sample;
pub mod q_sample;
mod recording;
pub mod softmax;
pub mod store;
mod sum_partials;
mod timestep_embedding;
mod training;
pub mod training_loss;
#[cfg(not(target_arch = "wasm32"))]
pub mod tuning;

pub(crate) use conv2d::scratch_words;
pub use network::{Network, to_channels_first, to_channels_last};
pub use training::{TrainingNetwork, TrainingOptions};

use crate::gpu::{KernelKey, Shader, Tile};
use crate::graph::{Graph, Op};

/// Every compute shader.
pub static SHADERS: &[&Shader] = &[
    &accumulate::ACCUMULATE,
    &adam::ADAM,
    &advance::ADVANCE,
    &advance_training::ADVANCE_TRAINING,
    &bound::BOUND,
    &channel_sums::CHANNEL_SUMS,
    &class_embedding::CLASS_EMBEDDING,
    &class_embedding::CLASS_EMBEDDING_GRADIENT,
    &conv2d::CONV2D,
    &conv2d::CONV2D_NAIVE,
    &conv2d::CONV2D_TEXEL,
    &conv2d::CONV2D_WEIGHT_GRADIENT,
    &conv2d::CONV2D_WEIGHT_GRADIENT_NAIVE,
    &conv2d::CONV2D_WEIGHT_GRADIENT_TEXEL,
    &conv2d::TRANSPOSE_WEIGHTS,
    &display::DISPLAY,
    &draw_timesteps::DRAW_TIMESTEPS,
    &dropout::DROPOUT,
    &gradient_norm::GRADIENT_NORM,
    &group_norm::GROUP_NORM,
    &group_norm::GROUP_NORM_GRADIENT,
    &group_norm::GROUP_NORM_PARAMETERS,
    &guided_step::GUIDED_STEP,
    &inpaint::INPAINT,
    &linear::LINEAR,
    &linear::LINEAR_GRADIENT,
    &matmul::MATMUL,
    &matmul::MATMUL_TEXEL,
    &mean_loss::MEAN_LOSS,
    &normals::NORMALS,
    &p_sample::P_SAMPLE,
    &q_sample::Q_SAMPLE,
    &softmax::SOFTMAX,
    &sum_partials::SUM_PARTIALS,
    &timestep_embedding::TIMESTEP_EMBEDDING,
    &training_loss::TRAINING_LOSS,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::CONV2D_HALF,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::CONV2D_SPLIT,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::CONV2D_SUM,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::WINOGRAD_INPUT,
    &conv2d::WINOGRAD_INPUT_TEXEL,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::WINOGRAD_OUTPUT,
    &conv2d::WINOGRAD_OUTPUT_TEXEL,
    #[cfg(not(target_arch = "wasm32"))]
    &conv2d::WINOGRAD_PRODUCT,
    &conv2d::WINOGRAD_WEIGHTS,
];

/// Those that need more of a device than WebGPU's core: `shaders/native/`. Each `enable`s it.
#[cfg(not(target_arch = "wasm32"))]
pub static NATIVE_SHADERS: &[&Shader] = &[&conv2d::CONV2D_MATRICES, &conv2d::CONV2D_WEIGHT_GRADIENT_MATRICES];

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
