//! The twins' gradients: finite differences prove every operation's and those of whole networks.

mod attention;
mod conv2d;
mod embeddings;
mod finite_differences;
mod group_norm;
mod networks;
mod training_loss;
