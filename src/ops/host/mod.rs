//! The kernels of the processor: one file for each shader, of the same stem, with a function for each of its entry points.
//!
//! Tensors lie as the shaders have them: `[N, pixels, channels]`, channels padded to whole `vec4`s.

#[cfg(feature = "train")]
pub(crate) mod accumulate;
#[cfg(feature = "train")]
pub(crate) mod adam;
pub(crate) mod advance;
#[cfg(feature = "train")]
pub(crate) mod advance_training;
#[cfg(feature = "evaluation")]
pub(crate) mod bound;
#[cfg(any(feature = "evaluation", feature = "train"))]
mod bound_terms;
#[cfg(feature = "train")]
pub(crate) mod channel_sums;
pub(crate) mod class_embedding;
#[cfg(feature = "train")]
pub(crate) mod class_embedding_gradient;
pub(crate) mod conv2d;
#[cfg(feature = "train")]
pub(crate) mod conv2d_weight_gradient;
pub(crate) mod display;
#[cfg(feature = "train")]
pub(crate) mod draw_timesteps;
#[cfg(feature = "train")]
pub(crate) mod dropout;
#[cfg(feature = "train")]
pub(crate) mod gradient_norm;
pub(crate) mod group_norm;
#[cfg(feature = "train")]
pub(crate) mod group_norm_gradient;
#[cfg(feature = "train")]
pub(crate) mod group_norm_parameters;
pub(crate) mod guided_step;
pub(crate) mod inpaint;
pub(crate) mod linear;
#[cfg(feature = "train")]
pub(crate) mod linear_gradient;
pub(crate) mod math;
pub(crate) mod matmul;
#[cfg(feature = "train")]
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
#[cfg(feature = "train")]
pub(crate) mod sum_partials;
pub(crate) mod timestep_embedding;
#[cfg(feature = "train")]
pub(crate) mod training_loss;
#[cfg(feature = "train")]
pub(crate) mod transpose_weights;
mod turns;
mod variance;
pub(crate) mod winograd;
