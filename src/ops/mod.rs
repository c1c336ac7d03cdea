//! The operations on the GPU, one file each: what a shader binds, its sizes, its dispatches.
//!
//! `conv2d.rs` belongs to `shaders/conv2d.wgsl`, and so on. [`Network`] turns the recording of a [`Graph`] into a
//! plan by them; the sampler records the steps of the chain around it.
//!
//! [`Graph`]: crate::graph::Graph

pub mod advance;
mod attention;
pub mod chain;
mod class_embedding;
mod conv2d;
pub mod display;
mod group_norm;
mod linear;
mod network;
pub mod normals;
pub mod p_sample;
mod pack;
pub mod q_sample;
mod timestep_embedding;

pub use network::{Network, to_channels_first, to_channels_last};

use crate::gpu::{KernelKey, Shader, Tile};
use crate::graph::{Graph, Op};

/// Every compute shader.
pub static SHADERS: &[&Shader] = &[
    &advance::ADVANCE,
    &attention::ATTENTION,
    &attention::ATTENTION_TEXEL,
    &class_embedding::CLASS_EMBEDDING,
    &conv2d::CONV2D,
    &conv2d::CONV2D_NAIVE,
    &conv2d::CONV2D_TEXEL,
    &display::DISPLAY,
    &group_norm::GROUP_NORM,
    &linear::LINEAR,
    &normals::NORMALS,
    &p_sample::P_SAMPLE,
    &q_sample::Q_SAMPLE,
    &timestep_embedding::TIMESTEP_EMBEDDING,
];

/// The kernels that [`Network::new`] needs for `graph` under `tile`: to be compiled one at a time before it.
pub fn kernels(graph: &Graph, tile: Tile) -> Vec<KernelKey> {
    let mut keys: Vec<KernelKey> = Vec::new();
    for op in &graph.ops {
        let needed = match op {
            Op::TimestepEmbedding { .. } => all_entries(&timestep_embedding::TIMESTEP_EMBEDDING),
            Op::ClassEmbedding { .. } => all_entries(&class_embedding::CLASS_EMBEDDING),
            Op::Linear { .. } => all_entries(&linear::LINEAR),
            Op::Conv2d(conv) => vec![conv2d::kernel(tile, graph.tensor(conv.out).quads())],
            Op::GroupNorm { .. } => all_entries(&group_norm::GROUP_NORM),
            Op::Attention { .. } => all_entries(attention::shader(tile)),
        };
        keys.extend(needed.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
    }
    keys
}

fn all_entries(shader: &'static Shader) -> Vec<KernelKey> {
    shader.entry_points.iter().map(|entry_point| KernelKey::new(shader, entry_point)).collect()
}
