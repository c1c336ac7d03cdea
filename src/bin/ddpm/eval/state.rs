//! What an evaluation that was stopped goes on from: `terms.safetensors`.
//!
//! One tensor, `terms`: F32, `[count, timesteps, 3]`: vb, xstart_mse and mse of each picture at each of the evaluation's times.
//! The metadata's `ddpm_eval` is JSON: how far it came, and of what.

use std::collections::HashMap;
use std::path::Path;

use ddpm::checkpoint::{Checkpoint, atomic};
use ddpm::error::{Error, Result};
use ddpm::eval::Term;
use ddpm::spec::VarianceType;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

const KEY: &str = "ddpm_eval";
const FORMAT: u32 = 1;

/// All that the terms depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// [`fingerprint`] of the model.
    pub model: u32,
    /// [`checksum`] of the pictures.
    pub pictures: u32,
    /// [`checksum`] of their labels.
    pub labels: Option<u32>,
    pub count: u32,
    /// Terms a picture.
    pub timesteps: u32,
    pub seed: u64,
    pub variance: VarianceType,
}

/// An evaluation, somewhere on its way.
pub struct State {
    pub origin: Origin,
    /// Pictures computed together.
    pub batch: u32,
    /// Pictures that have all their terms.
    pub pictures_done: u32,
    /// Terms that the batch after them has.
    pub slots_done: u32,
    /// `[count][timesteps]`; zeros where they are yet to come.
    pub terms: Vec<Term>,
}

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    batch: u32,
    pictures_done: u32,
    slots_done: u32,
    origin: Origin,
}

impl State {
    /// At the beginning.
    pub fn new(origin: Origin, batch: u32) -> Self {
        let terms = vec![Term::default(); origin.count as usize * origin.timesteps as usize];
        Self { origin, batch, pictures_done: 0, slots_done: 0, terms }
    }

    /// Checks that this is an evaluation of `origin`.
    ///
    /// # Errors
    /// If it is another.
    pub fn check(self, origin: &Origin) -> Result<Self> {
        let value = |origin: &Origin| serde_json::to_value(origin).unwrap_or_default();
        let (found, expected) = (value(&self.origin), value(origin));
        let other =
            found.as_object().into_iter().flatten().find(|(key, found)| expected[key.as_str()] != **found);
        match other {
            None => Ok(self),
            Some((key, found)) => Err(Error::input(format!(
                "--resume: expected the evaluation that is there, with {key} {found}, found {key} {}",
                expected[key.as_str()]
            ))),
        }
    }

    /// Writes `path`, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::input(format!("{}: cannot be written ({error})", path.display()))
        };
        let values: Vec<f32> =
            self.terms.iter().flat_map(|term| [term.vb, term.xstart_mse, term.mse]).collect();
        let shape = vec![self.origin.count as usize, self.origin.timesteps as usize, 3];
        let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(&values))
            .map_err(|error| failed(&error))?;
        let about = About {
            format: FORMAT,
            batch: self.batch,
            pictures_done: self.pictures_done,
            slots_done: self.slots_done,
            origin: self.origin.clone(),
        };
        let about = serde_json::to_string(&about).map_err(|error| failed(&error))?;
        let metadata = HashMap::from([(KEY.to_owned(), about)]);
        let bytes =
            safetensors::serialize([("terms", view)], Some(metadata)).map_err(|error| failed(&error))?;
        atomic::write(path, &bytes)
    }

    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let refused = |found: &dyn std::fmt::Display| {
            Error::load(format!(
                "{}: expected an evaluation's terms, found another or a damaged file ({found})",
                path.display()
            ))
        };
        let bytes = std::fs::read(path)
            .map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| refused(&error))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| refused(&error))?;
        let about = metadata.metadata().as_ref().and_then(|texts| texts.get(KEY));
        let about = about.ok_or_else(|| refused(&format_args!("no {KEY} in its metadata")))?;
        let About { format, batch, pictures_done, slots_done, origin } =
            serde_json::from_str(about).map_err(|error| refused(&error))?;
        let view = file.tensor("terms").map_err(|error| refused(&error))?;
        let shape = [origin.count as usize, origin.timesteps as usize, 3];
        let is_sound = view.dtype() == Dtype::F32
            && view.shape() == shape
            && format == FORMAT
            && batch > 0
            && pictures_done <= origin.count
            && slots_done < origin.timesteps;
        if !is_sound {
            return Err(refused(&format_args!("{:?} {:?}, format {format}", view.dtype(), view.shape())));
        }
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let terms = values
            .chunks_exact(3)
            .map(|term| Term { vb: term[0], xstart_mse: term[1], mse: term[2] })
            .collect();
        Ok(Self { origin, batch, pictures_done, slots_done, terms })
    }
}

/// A checksum of words.
pub fn checksum<T: bytemuck::NoUninit>(words: &[T]) -> u32 {
    crc32fast::hash(bytemuck::cast_slice(words))
}

/// A checksum of a model's weights and settings.
pub fn fingerprint(checkpoint: &Checkpoint) -> Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(format!("{:?} {:?}", checkpoint.unet, checkpoint.diffusion).as_bytes());
    for name in checkpoint.weights.names() {
        hasher.update(name.as_bytes());
        hasher.update(bytemuck::cast_slice(&checkpoint.weights.get(name)?));
    }
    Ok(hasher.finalize())
}
