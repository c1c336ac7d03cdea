//! Known answers from files: safetensors and JSON under tests/fixtures.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

use super::compare::assert_fails;

/// The path of a file under tests/fixtures.
pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

/// A JSON file under tests/fixtures.
pub fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    pub shape: Vec<usize>,
    pub data: Vec<T>,
}

impl<T> Tensor<T> {
    /// Entry `i` along the first dimension.
    pub fn row(&self, i: usize) -> &[T] {
        assert!(i < self.shape[0], "row {i} of {}", self.shape[0]);
        let n = self.data.len() / self.shape[0];
        &self.data[i * n..(i + 1) * n]
    }
}

/// A safetensors file of known answers.
pub struct Fixture {
    name: String,
    bytes: Vec<u8>,
}

impl Fixture {
    /// The file `name` under tests/fixtures.
    pub fn load(name: &str) -> Self {
        Self { name: name.to_string(), bytes: read(name) }
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.open().names().into_iter().map(str::to_string).collect();
        names.sort();
        names
    }

    /// An F32 or F64 tensor as f64.
    pub fn f64(&self, name: &str) -> Tensor<f64> {
        self.tensor(name, |dtype, bytes| match dtype {
            Dtype::F32 => Some(bytes.chunks_exact(4).map(|b| f32_of(b).into()).collect()),
            Dtype::F64 => Some(bytes.chunks_exact(8).map(|b| f64::from_le_bytes(array(b))).collect()),
            _ => None,
        })
    }

    /// An F32 tensor.
    pub fn f32(&self, name: &str) -> Tensor<f32> {
        self.tensor(name, |dtype, bytes| {
            (dtype == Dtype::F32).then(|| bytes.chunks_exact(4).map(f32_of).collect())
        })
    }

    /// An I64 tensor.
    pub fn i64(&self, name: &str) -> Tensor<i64> {
        self.tensor(name, |dtype, bytes| {
            (dtype == Dtype::I64)
                .then(|| bytes.chunks_exact(8).map(|b| i64::from_le_bytes(array(b))).collect())
        })
    }

    fn open(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn tensor<T>(&self, name: &str, decode: impl Fn(Dtype, &[u8]) -> Option<Vec<T>>) -> Tensor<T> {
        let file = self.open();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{}: {name}: {e}", self.name));
        let data = decode(view.dtype(), view.data())
            .unwrap_or_else(|| panic!("{}: {name}: found {:?}", self.name, view.dtype()));
        Tensor { shape: view.shape().to_vec(), data }
    }
}

fn f32_of(bytes: &[u8]) -> f32 {
    f32::from_le_bytes(array(bytes))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("chunks are exact")
}

#[test]
fn tensors_are_read_as_they_were_written() {
    let fixture = Fixture::load("diffusion/schedulers.safetensors");
    assert!(fixture.names().contains(&"x_T".to_string()));
    let (narrow, wide) = (fixture.f32("x_T"), fixture.f64("x_T"));
    assert_eq!(narrow.shape, wide.shape);
    assert_eq!(narrow.data.len(), narrow.shape.iter().product::<usize>());
    assert!(narrow.data.iter().zip(&wide.data).all(|(&n, &w)| f64::from(n) == w));
    assert_eq!([narrow.row(0), narrow.row(1)].concat(), narrow.data);
    assert_fails("the wrong type", || drop(fixture.i64("x_T")));
    assert_fails("no such tensor", || drop(fixture.f32("y_T")));
    assert_fails("no such file", || drop(Fixture::load("diffusion/nothing.safetensors")));
}
