//! The native tests, one binary: the host's mathematics, the kernels, whole networks, files.
//!
//! They need an adapter, if only a software one; `gpu.rs` says which is taken.

mod compare;
mod fixtures;
mod gpu;
mod gradients;
mod reference;
mod refusal;
mod scratch;

mod chain;
mod checkpoint;
mod cli;
mod dataset;
mod diffusion;
mod display;
mod eval;
mod film;
mod fuzz;
mod goldens;
mod graph;
mod kernels;
mod large;
mod layers;
mod noise;
mod normality;
mod profile;
mod rng;
mod sampling;
mod schedule;
mod self_test;
mod shaders;
mod steps;
mod train;
mod tuning;
mod twins;
