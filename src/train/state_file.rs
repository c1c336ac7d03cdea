//! A training run's state as a file: `state.safetensors`.
//!
//! Tensors `parameters/NAME`, `first_moment/NAME`, `second_moment/NAME` and `average/NAME`, in the checkpoint's names and
//! shapes, all F32; `pending/loss` and `pending/grad_norm`, one element for each step since the last line of metrics. The
//! metadata's `ddpm_train` is JSON: [`StateOrigin`] and a checksum. The same state gives the same bytes.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::{StepLoss, TENSORS, TrainState};
use crate::checkpoint::atomic;
use crate::error::{Error, Result};
use crate::gpu::{Algorithm, ConvShape, GpuContext, Method, Methods};
use crate::graph::Graph;

/// The one key of the metadata: several would be in no order.
const KEY: &str = "ddpm_train";
/// The format that this crate reads and writes.
const FORMAT: u32 = 1;
const PENDING: [&str; 2] = ["pending/loss", "pending/grad_norm"];

/// What a run must share with a state to go on from it as if never stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOrigin {
    /// The run's `config.toml`.
    pub config: String,
    /// Pictures that it trains on.
    pub pictures: u32,
    /// The adapter's name.
    pub adapter: String,
    /// How convolutions are tiled there.
    pub tile: String,
    /// By which methods. Where there are none, all were computed directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<(ConvShape, Method)>,
}

impl StateOrigin {
    /// `gpu` as the run had it: what goes on with the same methods ends in the same bytes.
    #[must_use]
    pub fn methods_on(&self, gpu: &GpuContext) -> GpuContext {
        gpu.with_methods(match self.methods.is_empty() {
            true => Methods::Fixed(Algorithm::Direct),
            false => Methods::Chosen(self.methods.clone().into()),
        })
    }
}

/// A state and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedState {
    /// The trainer's numbers.
    pub state: TrainState,
    /// Losses of steps that no line of metrics tells of yet.
    pub pending: Vec<StepLoss>,
    /// Where it comes from.
    pub origin: StateOrigin,
}

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    step: u32,
    #[serde(flatten)]
    origin: StateOrigin,
    checksum: u32,
}

impl SavedState {
    /// Writes the state of `graph`'s training as `path`, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written; then what was there still is.
    pub fn write(&self, path: &Path, graph: &Graph) -> Result<()> {
        atomic::write(path, &self.to_bytes(graph)?)
    }

    fn to_bytes(&self, graph: &Graph) -> Result<Vec<u8>> {
        let shapes: HashMap<&str, &[usize]> =
            graph.params.iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
        let losses: Vec<f32> = self.pending.iter().map(|loss| loss.loss).collect();
        let norms: Vec<f32> = self.pending.iter().map(|loss| loss.grad_norm).collect();
        let mut tensors: Vec<(String, Vec<usize>, &[u8])> = Vec::new();
        for (prefix, array) in TENSORS.iter().zip(&self.state.arrays) {
            for (name, values) in array {
                let shape = shapes.get(name.as_str()).map(|shape| shape.to_vec()).unwrap_or_default();
                tensors.push((format!("{prefix}/{name}"), shape, bytemuck::cast_slice(values)));
            }
        }
        for (name, values) in PENDING.iter().zip([&losses, &norms]) {
            tensors.push(((*name).to_owned(), vec![values.len()], bytemuck::cast_slice(values)));
        }
        tensors.sort();
        let about = About {
            format: FORMAT,
            step: self.state.steps_done,
            origin: self.origin.clone(),
            checksum: checksum(tensors.iter().map(|(_, _, bytes)| *bytes)),
        };
        let failed =
            |error: &dyn std::fmt::Display| Error::input(format!("the state cannot be written ({error})"));
        let about = serde_json::to_string(&about).map_err(|error| failed(&error))?;
        let mut views = Vec::with_capacity(tensors.len());
        for (name, shape, bytes) in tensors {
            views.push((name, TensorView::new(Dtype::F32, shape, bytes).map_err(|error| failed(&error))?));
        }
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), about)])))
            .map_err(|error| failed(&error))
    }

    /// Reads `path` as the state of `graph`'s training.
    ///
    /// # Errors
    /// One sentence with the file, the tensor, what was expected and what was found.
    pub fn read(path: &Path, graph: &Graph) -> Result<Self> {
        let bytes = std::fs::read(path)
            .map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))?;
        Self::from_bytes(&bytes, graph).map_err(|error| error.within(path.display()))
    }

    fn from_bytes(bytes: &[u8], graph: &Graph) -> Result<Self> {
        let refused = |error: &dyn std::fmt::Display| {
            Error::load(format!("expected a training state, found another or a damaged file ({error})"))
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| refused(&error))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| refused(&error))?;
        let about = metadata.metadata().as_ref().and_then(|texts| texts.get(KEY));
        let about = about.ok_or_else(|| refused(&format_args!("no {KEY} in its metadata")))?;
        let about: About = serde_json::from_str(about).map_err(|error| refused(&error))?;
        if about.format != FORMAT {
            return Err(Error::load(format!("format: expected {FORMAT}, found {}", about.format)));
        }
        let mut names = file.names();
        names.sort_unstable();
        let views: Vec<TensorView<'_>> = names.iter().filter_map(|name| file.tensor(name).ok()).collect();
        if checksum(views.iter().map(TensorView::data)) != about.checksum {
            return Err(refused(&"its checksum is wrong"));
        }
        let mut arrays = Vec::with_capacity(TENSORS.len());
        for prefix in TENSORS {
            let params = graph.params.iter().map(|param| {
                let values = tensor(&file, &format!("{prefix}/{}", param.name), Some(&param.shape))?;
                Ok((param.name.clone(), values))
            });
            arrays.push(params.collect::<Result<_>>()?);
        }
        let [losses, norms] = PENDING.map(|name| tensor(&file, name, None));
        let (losses, norms) = (losses?, norms?);
        let first = (losses.len() == norms.len())
            .then(|| u32::try_from(losses.len()).ok().and_then(|count| about.step.checked_sub(count)))
            .flatten()
            .ok_or_else(|| refused(&"more losses than steps"))?;
        let pending = losses.into_iter().zip(norms).zip(first..);
        let pending = pending.map(|((loss, grad_norm), step)| StepLoss { step, loss, grad_norm }).collect();
        let state = TrainState { steps_done: about.step, arrays };
        Ok(Self { state, pending, origin: about.origin })
    }
}

/// The F32 tensor `name`, of `shape` if that is known.
fn tensor(file: &SafeTensors<'_>, name: &str, shape: Option<&[usize]>) -> Result<Vec<f32>> {
    let refused = |found: &dyn std::fmt::Display| {
        let expected = shape.map_or("a list".to_owned(), |shape| format!("{shape:?}"));
        Err(Error::load(format!("tensor {name}: expected F32 {expected}, found {found}")))
    };
    match file.tensor(name) {
        Err(_) => refused(&"no such tensor"),
        Ok(view) if view.dtype() != Dtype::F32 || shape.is_some_and(|shape| shape != view.shape()) => {
            refused(&format_args!("{:?} {:?}", view.dtype(), view.shape()))
        }
        Ok(view) => {
            let elements = view.data().chunks_exact(4);
            Ok(elements.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        }
    }
}

fn checksum<'a>(tensors: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    tensors.for_each(|bytes| hasher.update(bytes));
    hasher.finalize()
}
