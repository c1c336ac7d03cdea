//! Sampling on the GPU, beyond a plain chain from noise: every picture of the fixtures by the kernels themselves, the
//! deterministic encoder, Langevin dynamics, classifiers, chains that begin with pictures.

mod encoder;
mod gaussian;
mod given_noise;
mod guidance;
mod known;
mod langevin;
mod one_step;
mod schedulers;
