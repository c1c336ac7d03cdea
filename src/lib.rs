//! Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel 2020, [arXiv 2006.11239]) on WebGPU.
//!
//! Hand-written WGSL kernels (`shaders/`) compute the U-Net and the diffusion process; this crate orchestrates them. The
//! same kernels run natively (Vulkan, Metal, DX12) and, compiled to WebAssembly, in a browser tab.
//!
//! # Reading order
//! A module uses only the modules above it in this list, and its own (`tests/native/layers.rs` enforces it).
//!
//! 0. [`error`], [`spec`] (what a network, a process and a training run are, as data), [`rng`] (Philox4x32-10 and its
//!    normals); in a page also `js`, the browser's JSON and numbers
//! 1. [`schedule`] (β, ᾱ and the numbers of every reverse step, in f64), [`diffusion`] (the equations, on the host),
//!    [`dataset`] (pictures to train on, and their order)
//! 2. [`gpu`]: devices (what wgpu reaches, or this computer's processor), buffers, kernels, recorded plans, readback
//! 3. [`graph`]: what a network is, with no GPU in it; [`graph::unet`] describes the U-Net once
//! 4. [`ops`]: one file an operation, each the host's half of the shader of the same name, and in `ops/host/` what a processor
//!    calls in the shader's place; [`ops::Network`] turns a
//!    graph into a plan, [`ops::TrainingNetwork`] into one there and one back
//! 5. [`checkpoint`]: Hugging Face diffusers folders and single files, read and written
//! 6. [`sampler`]: Algorithm 2, DDIM both ways and Langevin dynamics on the GPU, from noise or from pictures; [`train`]:
//!    Algorithm 1; [`eval`]: the variational bound; [`picture`] and [`film`]: what people look at; [`self_test`]: whether an
//!    adapter computes what it should
//! 7. `web` (the page's `Player`) and the command line `ddpm`
//!
//! Who knows the paper, or the reference code, finds each equation, figure and method in [`equations`]. What was tried to
//! make the kernels faster, and what came of it, is in [`performance`].
//!
//! # What a build contains
//! Cargo's features decide. Without any there are schedules, graphs and checkpoints; `gpu` (adapters, by wgpu) and `processor`
//! bring a device each, and with either the sampler. `chains`, `train`, `evaluation`, `files`, `onnx` and `tuning` add what
//! `Cargo.toml` says of them, `cli` (the default) all of it and the command; `page` is the half of a page that is in wasm.
//!
//! # From a checkpoint to pictures
//! ```no_run
//! # #[cfg(not(target_arch = "wasm32"))]
//! # fn main() -> ddpm::error::Result<()> {
//! use ddpm::{checkpoint, gpu::GpuContext, sampler};
//!
//! let gpu = pollster::block_on(GpuContext::request(None))?;
//! let checkpoint = checkpoint::folder::load("fashion-mnist")?;
//! let options = sampler::SamplerOptions { count: 16, seed: 7, ..Default::default() };
//! let mut chain = sampler::Sampler::new(&gpu, &checkpoint, &options)?;
//! sampler::run(&mut chain, None, |steps_done| println!("{steps_done}"))?;
//! let pictures: Vec<f32> = pollster::block_on(chain.read_view(0))?; // [16, C, H, W] in [-1, 1]
//! # Ok(()) }
//! # #[cfg(target_arch = "wasm32")]
//! # fn main() {}
//! ```
//!
//! # Numbers
//! Pictures are in \[−1, 1\] and `[N, C, H, W]` at every public edge; `t` is 0-based: x_t has t + 1 steps of noise. Noise
//! is a function of (seed, stream, t, sample, element), so one seed is one picture whatever the batch and the adapter.
//!
//! [arXiv 2006.11239]: https://arxiv.org/abs/2006.11239
#![warn(missing_docs)]

pub mod checkpoint;
pub mod dataset;
pub mod diffusion;
#[doc = include_str!("equations.md")]
pub mod equations {}
pub mod error;
#[cfg(all(feature = "evaluation", any(feature = "gpu", feature = "processor")))]
pub mod eval;
pub mod film;
#[cfg(any(feature = "gpu", feature = "processor"))]
pub mod gpu;
pub mod graph;
#[cfg(target_arch = "wasm32")]
mod js;
#[cfg(any(feature = "gpu", feature = "processor"))]
pub mod ops;
#[doc = include_str!("performance.md")]
pub mod performance {}
pub mod picture;
pub mod rng;
#[cfg(any(feature = "gpu", feature = "processor"))]
pub mod sampler;
pub mod schedule;
#[cfg(any(feature = "gpu", feature = "processor"))]
pub mod self_test;
pub mod spec;
#[cfg(all(feature = "train", any(feature = "gpu", feature = "processor")))]
pub mod train;
#[cfg(all(feature = "page", target_arch = "wasm32"))]
pub mod web;
