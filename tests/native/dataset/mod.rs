//! Data sets: their order, their batches, their files.

mod batches;
mod cifar10;
mod folder;
mod idx;
mod installed;
mod npz;
mod order;
mod pictures;

use std::path::PathBuf;

use ddpm::dataset::Dataset;
use ddpm::dataset::files::{LoadOptions, Loaded, Source, load};
use ddpm::error::Result;

use super::scratch::Scratch;

/// `count` pictures of `shape`, no two alike, with `count` classes if `labelled`: picture i's label is i.
fn numbered(count: u32, shape: [u32; 3], labelled: bool) -> Dataset {
    let elements: u32 = shape.iter().product();
    let pixels = (0..count).flat_map(|ix| (0..elements).map(move |element| (ix * 31 + element * 7) as u8));
    let names = if labelled { (0..count).map(|ix| format!("class {ix}")).collect() } else { vec![] };
    Dataset::new(shape, pixels.collect(), labelled.then(|| (0..count).collect()), names).expect("a data set")
}

/// Loads without listening to progress.
fn read(source: &Source, options: &LoadOptions) -> Result<Loaded> {
    load(source, options, &mut |_, _| ())
}

/// Writes `bytes` as `name` of `scratch`, making folders.
fn write(scratch: &Scratch, name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch.path(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, bytes).expect("written");
    path
}
