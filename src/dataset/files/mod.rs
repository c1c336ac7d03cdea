//! Data sets in files: named, found, read (native only).
//!
//! | name | files |
//! | --- | --- |
//! | `mnist`, `fashion-mnist` | IDX, plain or `.gz`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and `t10k-…` to test on; `.idx3-ubyte` too |
//! | `cifar10` | the binary version: `data_batch_1.bin` to `_5`, `test_batch.bin` to test on, `batches.meta.txt` if it is there |
//! | `folder:PATH` | PNG, JPEG, GIF (its first frame), WebP and BMP, in sub-folders too; see [`LoadOptions`] |
//!
//! **Sizes.** IDX pictures stand on black, so up to less than twice their size they get a black (−1) margin, the odd
//! pixel right and below. All else is resampled (Lanczos, in sRGB) to just cover the size asked for, and its middle is
//! cut out. Without a size asked for, IDX and CIFAR-10 keep theirs.
//! **Colours.** RGB becomes grey by BT.709's weights, grey becomes RGB with three equal channels. What is transparent
//! lies over white, sixteen bits become eight, and Exif's orientation is obeyed; colour profiles are not.
//!
//! Nothing a file says is believed: a reader never panics, and takes no memory for what is not there.

mod cifar10;
mod decode;
mod fit;
mod folder;
mod idx;
pub mod npz;
mod places;
mod raw;
mod resample;
mod set;
mod single;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use decode::decode;
#[cfg(feature = "onnx")]
pub(crate) use resample::resampled;
pub use set::PictureSet;
pub use single::PictureFile;

use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::error::{Error, Result};

/// Which data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Handwritten digits, 28 × 28, grey: 60,000 and 10,000.
    Mnist,
    /// Clothes, 28 × 28, grey: 60,000 and 10,000.
    FashionMnist,
    /// Ten kinds of things, 32 × 32, RGB: 50,000 and 10,000.
    Cifar10,
    /// All pictures in this folder.
    Folder(PathBuf),
}

impl FromStr for Source {
    type Err = Error;

    /// # Errors
    /// If `text` is no data set's name.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "mnist" => Ok(Self::Mnist),
            "fashion-mnist" => Ok(Self::FashionMnist),
            "cifar10" => Ok(Self::Cifar10),
            _ => match text.strip_prefix("folder:").filter(|path| !path.is_empty()) {
                Some(path) => Ok(Self::Folder(path.into())),
                None => Err(Error::input(format!(
                    "data set {text}: expected fashion-mnist, mnist, cifar10 or folder:PATH"
                ))),
            },
        }
    }
}

impl TryFrom<String> for Source {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl Source {
    /// C, H and W of its pictures, if they have one shape.
    pub fn shape(&self) -> Option<[u32; 3]> {
        match self {
            Self::Mnist | Self::FashionMnist => Some([1, 28, 28]),
            Self::Cifar10 => Some([3, 32, 32]),
            Self::Folder(_) => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mnist => f.write_str("mnist"),
            Self::FashionMnist => f.write_str("fashion-mnist"),
            Self::Cifar10 => f.write_str("cifar10"),
            Self::Folder(path) => write!(f, "folder:{}", path.display()),
        }
    }
}

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train on.
    Train,
    /// To test on.
    Test,
}

/// What is wanted of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOptions {
    /// The part.
    pub split: Split,
    /// The folder with the data set's files; without it, the usual places are searched. Not for `folder:PATH`.
    pub data: Option<PathBuf>,
    /// Height and width; `folder:PATH` needs them.
    pub size: Option<[u32; 2]>,
    /// Channels, 1 or 3; without it the data set's own, 3 of `folder:PATH`.
    pub channels: Option<u32>,
    /// Of `folder:PATH`: its sub-folders are classes, numbered in the order of their names' bytes.
    pub classes: bool,
    /// Of `folder:PATH`: the share of its pictures that is to test on. Which ones is a hash of their paths within the
    /// folder, so that others that come or go change nothing. If the folder has the sub-folders `train` and `test`
    /// (or `val`) these are the parts, and this says nothing.
    pub held_out: f64,
    /// Of `folder:PATH`: leave out what cannot be read, rather than fail.
    pub skip_bad: bool,
}

impl Default for LoadOptions {
    /// All of the pictures to train on but a twentieth of `folder:PATH`, as they are, without classes; one that cannot
    /// be read is an error.
    fn default() -> Self {
        Self {
            split: Split::Train,
            data: None,
            size: None,
            channels: None,
            classes: false,
            held_out: 0.05,
            skip_bad: false,
        }
    }
}

/// A data set that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The pictures, in the order of the files: `folder:PATH`'s by the bytes of their paths.
    pub dataset: Dataset,
    /// Why pictures were left out, each sentence naming its file; empty unless [`LoadOptions::skip_bad`].
    pub skipped: Vec<Error>,
}

/// Finds and reads a data set. `progress` hears of a folder's pictures how many are done, and of how many.
///
/// # Errors
/// One sentence that names the file, what was expected and what was found; of files that are missing, where they were
/// looked for and where they come from.
pub fn load(source: &Source, options: &LoadOptions, progress: &mut dyn FnMut(u64, u64)) -> Result<Loaded> {
    let data = options.data.as_deref();
    let raw = match source {
        Source::Mnist => idx::load(&idx::MNIST, options.split, data)?,
        Source::FashionMnist => idx::load(&idx::FASHION_MNIST, options.split, data)?,
        Source::Cifar10 => cifar10::load(options.split, data)?,
        Source::Folder(path) => {
            if let Some(data) = data {
                let found = data.display();
                return Err(Error::input(format!(
                    "{source}: expected no other folder with data, found {found}"
                )));
            }
            return folder::load(path, options, progress);
        }
    };
    Ok(Loaded { dataset: raw.fit(options.channels, options.size)?, skipped: Vec::new() })
}

/// The error of `path`, where `expected` is not what was found.
fn refused(path: &Path, expected: impl fmt::Display, found: impl fmt::Display) -> Error {
    Error::load(format!("{}: expected {expected}, found {found}", path.display()))
}
