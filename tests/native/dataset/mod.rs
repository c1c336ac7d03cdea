//! Data sets: their order, their batches.

mod batches;
mod order;

use ddpm::dataset::Dataset;

/// `count` pictures of `shape`, no two alike, with `count` classes if `labelled`: picture i's label is i.
fn numbered(count: u32, shape: [u32; 3], labelled: bool) -> Dataset {
    let elements: u32 = shape.iter().product();
    let pixels = (0..count).flat_map(|ix| (0..elements).map(move |element| (ix * 31 + element * 7) as u8));
    let names = if labelled { (0..count).map(|ix| format!("class {ix}")).collect() } else { vec![] };
    Dataset::new(shape, pixels.collect(), labelled.then(|| (0..count).collect()), names).expect("a data set")
}
