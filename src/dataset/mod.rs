//! Pictures to train on: in memory as bytes, and the order in which training sees them.
//!
//! - [`Dataset`]: the pictures, their labels and the names of those.
//! - [`order`]: which picture training sample s is, and whether it is mirrored; a pure function, so training goes on
//!   anywhere exactly.
//! - [`Loader`]: the batch of a step, labels dropped for classifier-free guidance.
//! - `Batches` (native): the same, prepared on a thread of its own while the GPU computes.
//! - `files` (with that feature): MNIST, Fashion-MNIST, CIFAR-10 and folders of pictures, found and read.
//!
//! Not here: data sets larger than memory, crops and colours as augmentation.

#[cfg(not(target_arch = "wasm32"))]
mod batches;
#[cfg(feature = "files")]
pub mod files;
mod loader;
pub mod order;

#[cfg(not(target_arch = "wasm32"))]
pub use batches::Batches;
pub use loader::{Batch, LabelDropout, Loader, LoaderOptions};

use crate::error::{Error, Result};

/// Pictures of one shape, and what they show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    shape: [u32; 3],
    pixels: Vec<u8>,
    labels: Option<Vec<u32>>,
    class_names: Vec<String>,
}

impl Dataset {
    /// Pictures of `shape` (C, H, W; C is 1 or 3). `pixels`: `[N, C, H, W]`. `labels`: `[N]`, each the index of one of
    /// `class_names`, which is empty without labels.
    ///
    /// # Errors
    /// If there is no picture, there are 2^32 or more, or the parts do not fit one another.
    pub fn new(
        shape: [u32; 3],
        pixels: Vec<u8>,
        labels: Option<Vec<u32>>,
        class_names: Vec<String>,
    ) -> Result<Self> {
        let refused = |expected: String, found: String| {
            Err(Error::input(format!("data set: expected {expected}, found {found}")))
        };
        let elements = elements(shape)?;
        if pixels.is_empty() || !pixels.len().is_multiple_of(elements) {
            return refused(
                format!("whole pictures of {elements} bytes, one at least"),
                format!("{} bytes", pixels.len()),
            );
        }
        let count = pixels.len() / elements;
        if u32::try_from(count).is_err() {
            return refused(format!("at most {} pictures", u32::MAX), count.to_string());
        }
        let Some(labels) = labels else {
            if !class_names.is_empty() {
                return refused(
                    "no names of labels without labels".to_owned(),
                    class_names.len().to_string(),
                );
            }
            return Ok(Self { shape, pixels, labels: None, class_names });
        };
        if labels.len() != count {
            return refused(
                format!("a label for each of {count} pictures"),
                format!("{} labels", labels.len()),
            );
        }
        if let Some(ix) = labels.iter().position(|&label| label as usize >= class_names.len()) {
            return refused(
                format!("labels below {}, the number of classes", class_names.len()),
                format!("{} at picture {ix}", labels[ix]),
            );
        }
        Ok(Self { shape, pixels, labels: Some(labels), class_names })
    }

    /// N; one at least.
    pub fn num_pictures(&self) -> u32 {
        // `new` has seen that it fits.
        (self.pixels.len() / self.elements()) as u32
    }

    /// C, H and W.
    pub fn shape(&self) -> [u32; 3] {
        self.shape
    }

    /// C · H · W.
    pub fn elements(&self) -> usize {
        self.shape.iter().map(|&side| side as usize).product()
    }

    /// Picture `ix`: `[C, H, W]`.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn picture(&self, ix: u32) -> &[u8] {
        let start = ix as usize * self.elements();
        &self.pixels[start..start + self.elements()]
    }

    /// `[N]`, if the pictures have labels.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The names of the labels, by label; empty without labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }
}

/// A byte on [−1, 1]: x / 127.5 − 1. [`picture::to_byte`](crate::picture::to_byte) takes it back.
pub fn to_signed(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

/// Bytes of a picture of `shape` (C, H, W).
fn elements(shape: [u32; 3]) -> Result<usize> {
    let elements = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side as usize));
    elements.filter(|&elements| elements > 0 && matches!(shape[0], 1 | 3)).ok_or_else(|| {
        let [channels, height, width] = shape;
        Error::input(format!(
            "data set: expected pictures with 1 or 3 channels and 1 pixel at least, found {width} x {height} with \
             {channels} channels"
        ))
    })
}
