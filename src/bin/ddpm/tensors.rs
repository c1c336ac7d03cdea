//! Tensors in files: what `debug` reads, what `debug` and `sample` write.

use std::path::{Path, PathBuf};

use ddpm::error::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// A tensor, row-major.
pub struct Tensor<T> {
    pub shape: Vec<usize>,
    pub data: Vec<T>,
}

/// A safetensors file that was read.
pub struct TensorFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl TensorFile {
    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))?;
        let file = Self { path: path.to_owned(), bytes };
        file.open()?;
        Ok(file)
    }

    /// The F32 tensor `name`, all of it finite.
    pub fn f32(&self, name: &str) -> Result<Tensor<f32>> {
        let tensor = self.required(name, Dtype::F32, |bytes: [u8; 4]| f32::from_le_bytes(bytes))?;
        match tensor.data.iter().position(|value| !value.is_finite()) {
            Some(place) => Err(self.refused(
                name,
                &format!("expected finite elements, found {} at element {place}", tensor.data[place]),
            )),
            None => Ok(tensor),
        }
    }

    /// The I64 tensor `name`, each element at least 0 and below `end`; `what` says what they are.
    pub fn indices(&self, name: &str, end: u32, what: &str) -> Result<Tensor<u32>> {
        let Tensor { shape, data } =
            self.required(name, Dtype::I64, |bytes: [u8; 8]| i64::from_le_bytes(bytes))?;
        let in_range = |&value: &i64| u32::try_from(value).ok().filter(|&value| value < end).ok_or(value);
        let data = data.iter().map(in_range).collect::<std::result::Result<_, i64>>();
        let data = data.map_err(|found| {
            let last = i64::from(end) - 1;
            self.refused(name, &format!("expected 0 to {last}, {what}, found {found}"))
        })?;
        Ok(Tensor { shape, data })
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.open().is_ok_and(|file| file.tensor(name).is_ok())
    }

    /// An error about the tensor `name`.
    pub fn refused(&self, name: &str, why: &str) -> Error {
        Error::input(format!("{}: tensor {name}: {why}", self.path.display()))
    }

    fn open(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| {
            Error::load(format!("{}: expected a safetensors file ({error})", self.path.display()))
        })
    }

    fn required<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        of: fn([u8; N]) -> T,
    ) -> Result<Tensor<T>> {
        let file = self.open()?;
        let Ok(view) = file.tensor(name) else {
            return Err(self.refused(name, &format!("expected {dtype:?}, found no such tensor")));
        };
        if view.dtype() != dtype {
            return Err(self.refused(name, &format!("expected {dtype:?}, found {:?}", view.dtype())));
        }
        let elements = view.data().chunks_exact(N).filter_map(|bytes| bytes.try_into().ok());
        Ok(Tensor { shape: view.shape().to_vec(), data: elements.map(of).collect() })
    }
}

/// The bytes of a safetensors file of `pictures`: `[N, C, H, W]`, `shape` being C, H and W.
pub fn pictures(shape: [u32; 3], values: &[f32]) -> Result<Vec<u8>> {
    let [c, h, w] = shape.map(|side| side as usize);
    to_bytes("pictures", &[values.len() / (c * h * w), c, h, w], values)
}

/// The bytes of a safetensors file of one F32 tensor.
pub fn to_bytes(name: &str, shape: &[usize], data: &[f32]) -> Result<Vec<u8>> {
    all_to_bytes(&[(name, shape.to_vec(), data)])
}

/// The bytes of a safetensors file of F32 tensors: name, shape and elements.
pub fn all_to_bytes<T: AsRef<[f32]>>(tensors: &[(&str, Vec<usize>, T)]) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, shape, data) in tensors {
        let bytes = bytemuck::cast_slice(data.as_ref());
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((*name, view.map_err(|error| unwritable(name, &error))?));
    }
    safetensors::serialize(views, None)
        .map_err(|error| Error::input(format!("the tensors cannot be written ({error})")))
}

fn unwritable(name: &str, error: &safetensors::SafeTensorError) -> Error {
    Error::input(format!("tensor {name} cannot be written ({error})"))
}
