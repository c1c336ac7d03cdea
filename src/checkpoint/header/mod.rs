//! The header of a safetensors file: where every tensor lies, and the project's own metadata.
//!
//! A file is 8 bytes of header length N (little-endian), N bytes of JSON, then the data, which the tensors must cover
//! without gap or overlap. The JSON is visited rather than built, so that a header costs a small multiple of its own
//! length in memory whatever it says; the `safetensors` crate, which builds maps first, was measured to take up to 25 times it.
//! (In a page the browser parses it, in memory of its own.)

#[cfg(target_arch = "wasm32")]
#[path = "browser.rs"]
mod visit;
#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod visit;

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::json::shown;
use crate::error::{Error, Result};

/// Bytes of the header's own length.
const LENGTH_BYTES: usize = 8;
/// Longest header of a file without data; a file's data allows a quarter of its length more.
const MAX_HEADER: usize = 64 << 10;
/// Most dimensions of a tensor.
const MAX_RANK: usize = 4;

/// How a tensor's elements are stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
}

impl Precision {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// safetensors' name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
        }
    }
}

/// A shape of at most [`MAX_RANK`] dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// `sizes` as a shape, if there are not too many.
    pub fn new(sizes: &[usize]) -> Option<Self> {
        let mut shape = Self { sizes: [0; MAX_RANK], rank: sizes.len() };
        shape.sizes.get_mut(..sizes.len())?.copy_from_slice(sizes);
        Some(shape)
    }

    /// The sizes, outermost first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }

    /// Elements, if that is a number at all.
    pub fn elements(&self) -> Option<usize> {
        self.sizes().iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }
}

/// One tensor of a file. Entries are ordered by name.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The canonical name.
    pub name: Box<str>,
    pub precision: Precision,
    pub shape: Shape,
    /// Where its bytes lie in the file.
    pub range: Range<usize>,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Entry {}

/// The values of `__metadata__` that are ours.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub unet_config: Option<String>,
    pub scheduler_config: Option<String>,
    pub ddpm: Option<String>,
}

/// Reads the header of the file `bytes`: its tensors, sorted by name, and our metadata.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Entry>, Texts)> {
    let (json, data_start) = split(bytes)?;
    let mut header = Header::default();
    visit::visit(json, &mut header)?;
    let Header { mut tensors, texts } = header;

    // A heap sorts as well as `sort_unstable`, in a tenth of the code.
    let by_place: BinaryHeap<(usize, usize, usize)> =
        tensors.iter().zip(0..).map(|(entry, ix)| (entry.range.start, entry.range.end, ix)).collect();
    let mut end = 0;
    for (.., ix) in by_place.into_sorted_vec() {
        let entry = &mut tensors[ix];
        if entry.range.start != end {
            return Err(Error::load(format!(
                "tensor {}: expected its data to begin at byte {end}, where the tensor before it ends, found {}",
                shown(&entry.name),
                entry.range.start
            )));
        }
        end = entry.range.end;
        entry.range = entry.range.start + data_start..end + data_start;
    }
    let found = bytes.len() - data_start;
    if end != found {
        return Err(Error::load(format!(
            "expected {end} bytes of tensors after the header, found {found}: the file is {}",
            if found < end { "truncated" } else { "longer than its header says" }
        )));
    }

    let tensors = BinaryHeap::from(tensors).into_sorted_vec();
    match tensors.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(Error::load(format!("tensor {}: expected once, found twice", shown(&pair[0].name))))
        }
        None => Ok((tensors, texts)),
    }
}

/// The header's text, and where the data begin.
fn split(bytes: &[u8]) -> Result<(&str, usize)> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(Error::load(format!("expected a safetensors file, found {} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    let Some(header) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        return Err(Error::load(format!(
            "expected a safetensors header of {length} bytes, found {} bytes after its length: the file is truncated, \
             damaged, or no safetensors file",
            rest.len()
        )));
    };
    let most = MAX_HEADER + bytes.len() / 4;
    if header.len() > most {
        return Err(Error::load(format!(
            "expected a header of at most {most} bytes in a file of {}, found {}",
            bytes.len(),
            header.len()
        )));
    }
    let text = std::str::from_utf8(header)
        .map_err(|error| Error::load(format!("expected a header in UTF-8, found other bytes ({error})")))?;
    if !text.starts_with('{') {
        let found = shown(text.get(..1).unwrap_or(""));
        return Err(Error::load(format!("expected a header that begins with {{, found {found:?}")));
    }
    Ok((text, LENGTH_BYTES + header.len()))
}

/// The current spelling of a parameter's name: diffusers' older attention blocks called their projections `query`,
/// `key`, `value` and `proj_attn`.
fn canonical(name: &str) -> Box<str> {
    const SPELLINGS: [(&str, &str); 4] =
        [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];
    let renamed = name.rsplit_once('.').and_then(|(path, parameter)| {
        let (block, layer) = path.rsplit_once('.')?;
        let (parent, _) = block.rsplit_once('.')?;
        let (_, new) = SPELLINGS.into_iter().find(|(old, _)| *old == layer)?;
        (parent.ends_with(".attentions")).then(|| format!("{block}.{new}.{parameter}"))
    });
    renamed.map_or_else(|| name.into(), String::into_boxed_str)
}

/// What visiting a header collects; ranges are relative to the data until [`read`] has checked them.
#[derive(Default)]
struct Header {
    tensors: Vec<Entry>,
    texts: Texts,
}

impl Header {
    /// Takes up one tensor.
    fn add_tensor(&mut self, name: &str, info: Info) -> Result<()> {
        let entry = info.entry(name).map_err(|error| error.within(tensor_named(name)))?;
        self.tensors.push(entry);
        Ok(())
    }
}

impl Texts {
    /// Where the text of a key of `__metadata__` belongs, if it is one of ours.
    fn place(&mut self, key: &str) -> Option<&mut Option<String>> {
        match key {
            "unet_config" => Some(&mut self.unet_config),
            "scheduler_config" => Some(&mut self.scheduler_config),
            "ddpm" => Some(&mut self.ddpm),
            _ => None,
        }
    }
}

/// The key under which a header has no tensor but texts.
const METADATA: &str = "__metadata__";

fn tensor_named(name: &str) -> String {
    format!("tensor {}", shown(name))
}

/// The error of a header that is not what it should be at all.
fn no_header(complaint: &str) -> Error {
    Error::load(format!("the header is not the JSON of a safetensors file ({})", shown(complaint)))
}

/// The error of `__metadata__` where it is not what it should be.
fn no_texts(complaint: &str) -> Error {
    malformed(METADATA, "strings", complaint)
}

/// The error of what a header says of the tensor `name`, where it is not what it should be.
fn no_info(name: &str, complaint: &str) -> Error {
    malformed(&tensor_named(name), "dtype, shape and data_offsets", complaint)
}

fn malformed(place: &str, expected: &str, complaint: &str) -> Error {
    let complaint = shown(complaint);
    Error::load(format!("{place}: expected {expected} in the header, found something else ({complaint})"))
}

/// What a header says of one tensor.
#[derive(Default)]
struct Info {
    dtype: Option<String>,
    shape: Option<Numbers<MAX_RANK>>,
    offsets: Option<Numbers<2>>,
}

impl Info {
    /// Checks one tensor by itself.
    fn entry(self, name: &str) -> Result<Entry> {
        let missing = |key: &str| Error::load(format!("{key}: expected it in the header, found nothing"));
        let precision = match self.dtype.ok_or_else(|| missing("dtype"))?.as_str() {
            "F32" => Precision::F32,
            "F16" => Precision::F16,
            other => {
                return Err(Error::unsupported(format!("expected dtype F32 or F16, found {}", shown(other))));
            }
        };
        let shape = self.shape.ok_or_else(|| missing("shape"))?.shape().ok_or_else(|| {
            Error::load(format!("expected a shape of at most {MAX_RANK} sizes, found more or larger ones"))
        })?;
        let offsets = self.offsets.ok_or_else(|| missing("data_offsets"))?.shape();
        let Some(&[start, end]) = offsets.as_ref().map(Shape::sizes) else {
            return Err(Error::load(
                "expected two data_offsets, found another number of them or larger ones",
            ));
        };
        let expected = shape.elements().and_then(|elements| elements.checked_mul(precision.bytes()));
        if expected.is_none() || end.checked_sub(start) != expected {
            return Err(Error::load(format!(
                "expected {} bytes for {} {:?}, found data_offsets {start} to {end}",
                expected.map_or("countless".to_owned(), |bytes| bytes.to_string()),
                precision.name(),
                shape.sizes()
            )));
        }
        Ok(Entry { name: canonical(name), precision, shape, range: start..end })
    }
}

/// A list of `count` whole numbers, of which the first `MOST` are kept.
struct Numbers<const MOST: usize> {
    numbers: [u64; MOST],
    count: usize,
}

impl<const MOST: usize> Default for Numbers<MOST> {
    fn default() -> Self {
        Self { numbers: [0; MOST], count: 0 }
    }
}

impl<const MOST: usize> Numbers<MOST> {
    /// Takes up the next number.
    fn push(&mut self, number: u64) {
        if let Some(place) = self.numbers.get_mut(self.count) {
            *place = number;
        }
        self.count += 1;
    }

    /// The numbers as sizes, if none was left out and each is one.
    fn shape(&self) -> Option<Shape> {
        let mut sizes = [0; MOST];
        for (size, &number) in sizes.iter_mut().zip(&self.numbers) {
            *size = usize::try_from(number).ok()?;
        }
        Shape::new(sizes.get(..self.count)?)
    }
}
