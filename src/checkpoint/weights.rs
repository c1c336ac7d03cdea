//! A checkpoint's tensors, read in place from the bytes of a safetensors file.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

pub use super::header::Precision;
use super::header::{self, Entry, Shape, Texts};
use super::json::shown;
use crate::error::{Error, Result, decimal};

/// The tensors of a checkpoint by name, in the current spelling of attention. Every element is finite.
#[derive(Clone, Debug)]
pub struct Weights {
    bytes: Vec<u8>,
    /// Sorted by name.
    index: Vec<Entry>,
}

impl Weights {
    /// Takes the bytes of a safetensors file, and returns its metadata beside the tensors.
    pub(super) fn read(bytes: Vec<u8>) -> Result<(Self, Texts)> {
        let (index, texts) = header::read(&bytes)?;
        let weights = Self { bytes, index };
        weights.check_finite()?;
        Ok((weights, texts))
    }

    /// The tensors of `tensors`: shape and elements by name, which no two share.
    ///
    /// # Errors
    /// If a shape and its elements do not agree, or an element is not finite.
    pub fn from_f32(tensors: impl IntoIterator<Item = (String, (Vec<usize>, Vec<f32>))>) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut index: Vec<Entry> = Vec::new();
        for (name, (sizes, values)) in tensors {
            let start = bytes.len();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            match Shape::new(&sizes).filter(|shape| shape.elements() == Some(values.len())) {
                Some(shape) => {
                    let place = index.partition_point(|entry| *entry.name < *name);
                    let range = start..bytes.len();
                    index.insert(place, Entry { name: name.into(), precision: Precision::F32, shape, range });
                }
                None => {
                    let found = values.len();
                    return Err(Error::input(format!(
                        "tensor {name}: expected elements for {sizes:?}, found {found}"
                    )));
                }
            }
        }
        let weights = Self { bytes, index };
        weights.check_finite()?;
        Ok(weights)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.index.iter().map(|entry| &*entry.name)
    }

    /// The shape of `name`, if there is such a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|entry| entry.shape.sizes())
    }

    /// How `name` is stored, if there is such a tensor.
    pub fn precision(&self, name: &str) -> Option<Precision> {
        self.find(name).map(|entry| entry.precision)
    }

    /// The elements of `name`, row-major: borrowed from the file where they are f32 in place.
    ///
    /// # Errors
    /// If there is no such tensor.
    pub fn get(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        self.find(name).map(|entry| self.elements(entry)).ok_or_else(|| {
            Error::load(format!("tensor {}: expected in the checkpoint, found nothing", shown(name)))
        })
    }

    /// Elements of all tensors.
    pub fn parameters(&self) -> usize {
        self.index.iter().map(|entry| entry.range.len() / entry.precision.bytes()).sum()
    }

    /// A safetensors file of these tensors, sorted by name, under `metadata`: the same bytes for the same content.
    pub(super) fn write(&self, precision: Precision, metadata: Map<String, Value>) -> Result<Vec<u8>> {
        let mut header = Map::new();
        header.insert("__metadata__".into(), metadata.into());
        let mut offset = 0;
        for entry in &self.index {
            let end = offset + entry.range.len() / entry.precision.bytes() * precision.bytes();
            let info = json!({
                "dtype": precision.name(), "shape": entry.shape.sizes(), "data_offsets": [offset, end],
            });
            header.insert(entry.name.to_string(), info);
            offset = end;
        }
        let mut text = Value::from(header).to_string();
        let padding = text.len().next_multiple_of(8) - text.len();
        text.extend(std::iter::repeat_n(' ', padding));

        let mut file = Vec::with_capacity(8 + text.len() + offset);
        file.extend((text.len() as u64).to_le_bytes());
        file.extend(text.as_bytes());
        for entry in &self.index {
            let values = self.elements(entry);
            match precision {
                Precision::F32 => file.extend(values.iter().flat_map(|value| value.to_le_bytes())),
                Precision::F16 => {
                    if let Some(value) = values.iter().find(|value| !half::f16::from_f32(**value).is_finite())
                    {
                        return Err(Error::input(format!(
                            "tensor {}: expected elements that f16 can hold, up to 65504, found {value}",
                            entry.name
                        )));
                    }
                    file.extend(values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()));
                }
            }
        }
        Ok(file)
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.index.binary_search_by(|entry| (*entry.name).cmp(name)).ok().map(|place| &self.index[place])
    }

    fn elements(&self, entry: &Entry) -> Cow<'_, [f32]> {
        let bytes = &self.bytes[entry.range.clone()];
        match entry.precision {
            Precision::F32 => match bytemuck::try_cast_slice(bytes) {
                Ok(values) if cfg!(target_endian = "little") => Cow::Borrowed(values),
                _ => bytes.chunks_exact(4).map(f32_of).collect(),
            },
            Precision::F16 => bytes.chunks_exact(2).map(|half| f16_of(half).to_f32()).collect(),
        }
    }

    fn check_finite(&self) -> Result<()> {
        for entry in &self.index {
            let bytes = &self.bytes[entry.range.clone()];
            let place = match entry.precision {
                Precision::F32 => bytes.chunks_exact(4).position(|value| !f32_of(value).is_finite()),
                Precision::F16 => bytes.chunks_exact(2).position(|value| !f16_of(value).is_finite()),
            };
            if let Some(place) = place {
                return Err(Error::load(format!(
                    "tensor {}: expected finite elements, found {} at element {place}",
                    shown(&entry.name),
                    decimal(self.elements(entry)[place])
                )));
            }
        }
        Ok(())
    }
}

/// The f32 of four bytes.
fn f32_of(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The f16 of two bytes.
fn f16_of(bytes: &[u8]) -> half::f16 {
    half::f16::from_le_bytes([bytes[0], bytes[1]])
}

impl crate::graph::Parameters for Weights {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        self.get(name)
    }
}
