//! Checkpoints: configurations, files and folders, good and bad.

mod bad_files;
mod configs;
mod folders;
mod packed;
mod round_trips;

use std::path::{Path, PathBuf};

use super::refusal::assert_refused;
use super::scratch::Scratch;

/// The U-Net fixtures: folder, tensors, elements.
const FIXTURES: [(&str, usize, usize); 4] = [
    ("cifar32", 328, 565_315),
    ("cifar32_legacy_keys", 328, 565_315),
    ("classes16", 143, 129_654),
    ("grey28", 182, 280_177),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet")).join(name)
}
