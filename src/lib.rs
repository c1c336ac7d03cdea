//! Denoising Diffusion Probabilistic Models on WebGPU.
#![warn(missing_docs)]

pub mod checkpoint;
pub mod diffusion;
pub mod error;
pub mod film;
pub mod gpu;
pub mod graph;
pub mod ops;
pub mod picture;
pub mod rng;
pub mod sampler;
pub mod schedule;
pub mod spec;
#[cfg(target_arch = "wasm32")]
pub mod web;
