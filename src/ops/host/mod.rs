//! The kernels of the processor: one file for each shader, of the same stem, with a function for each of its entry points.
//!
//! Tensors lie as the shaders have them: `[N, pixels, channels]`, channels padded to whole `vec4`s.

pub(crate) mod accumulate;
pub(crate) mod adam;
pub(crate) mod advance;
pub(crate) mod advance_training;
pub(crate) mod bound;
mod bound_terms;
pub(crate) mod channel_sums;
pub(crate) mod class_embedding;
pub(crate) mod class_embedding_gradient;
pub(crate) mod conv2d;
pub(crate) mod conv2d_weight_gradient;
pub(crate) mod display;
pub(crate) mod draw_timesteps;
pub(crate) mod dropout;
pub(crate) mod gradient_norm;
pub(crate) mod group_norm;
pub(crate) mod group_norm_gradient;
pub(crate) mod group_norm_parameters;
pub(crate) mod guided_step;
pub(crate) mod inpaint;
pub(crate) mod linear;
pub(crate) mod linear_gradient;
pub(crate) mod math;
pub(crate) mod matmul;
pub(crate) mod mean_loss;
mod normal;
pub(crate) mod normals;
pub(crate) mod p_sample;
mod philox;
mod prediction;
mod product;
pub(crate) mod q_sample;
mod rows;
mod scratch;
mod share;
pub(crate) mod softmax;
mod strips;
pub(crate) mod sum_partials;
pub(crate) mod timestep_embedding;
pub(crate) mod training_loss;
pub(crate) mod transpose_weights;
mod turns;
mod variance;
pub(crate) mod winograd;
