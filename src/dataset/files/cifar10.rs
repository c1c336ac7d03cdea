//! CIFAR-10's binary version: records of a label and three planes (red, green, blue) of 32 × 32 bytes.

use std::fs;
use std::path::Path;

use super::places::{Known, find};
use super::raw::Raw;
use super::{Split, refused};
use crate::error::{Error, Result};

const KNOWN: Known = Known {
    name: "cifar10",
    below: &["cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin"],
    advice: "unpack cifar-10-binary.tar.gz of the CIFAR-10 page (the binary version, not Python's) in data",
};

const CLASS_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// C, H and W.
const SHAPE: [u32; 3] = [3, 32, 32];
/// Bytes of a picture, and with its label.
const ELEMENTS: usize = 3 * 32 * 32;
const RECORD: usize = 1 + ELEMENTS;

/// Reads `split`, from `data` or the usual places.
pub(super) fn load(split: Split, data: Option<&Path>) -> Result<Raw> {
    let files: Vec<String> = match split {
        Split::Train => (1..=5).map(|ix| format!("data_batch_{ix}.bin")).collect(),
        Split::Test => vec!["test_batch.bin".to_owned()],
    };
    let folder = find(&KNOWN, data, &files[..1])?;
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for file in &files {
        let path = folder.join(file);
        let bytes = read(&path)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
            let expected = format!("whole records of {RECORD} bytes, one at least");
            return Err(refused(&path, expected, format_args!("{} bytes", bytes.len())));
        }
        for (ix, record) in bytes.chunks_exact(RECORD).enumerate() {
            let label = u32::from(record[0]);
            if label as usize >= CLASS_NAMES.len() {
                let last = CLASS_NAMES.len() - 1;
                let found = format!("{label} for picture {ix}");
                return Err(refused(&path, format_args!("labels 0 to {last}"), found));
            }
            labels.push(label);
            pixels.extend_from_slice(&record[1..]);
        }
    }
    let class_names = class_names(&folder.join("batches.meta.txt"))?;
    Ok(Raw { shape: SHAPE, pixels, labels, class_names, on_black: false })
}

/// The names in `path`, one a line, or those that everybody knows.
fn class_names(path: &Path) -> Result<Vec<String>> {
    if !path.is_file() {
        return Ok(CLASS_NAMES.map(str::to_owned).to_vec());
    }
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if names.len() != CLASS_NAMES.len() {
        return Err(refused(path, format_args!("{} names of classes", CLASS_NAMES.len()), names.len()));
    }
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))
}
