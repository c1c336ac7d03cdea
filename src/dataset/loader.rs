//! The batch of a training step.

use std::sync::Arc;

use super::order::BatchOrder;
use super::{Dataset, to_signed};
use crate::error::{Error, Result};
use crate::rng::{self, Stream};

/// How batches are made.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Samples a step.
    pub batch_size: u32,
    /// The seed of the order, of mirroring and of dropped labels.
    pub seed: u64,
    /// Mirror half of the samples, left to right.
    pub mirror: bool,
    /// Drop labels, for classifier-free guidance.
    pub label_dropout: Option<LabelDropout>,
}

/// Training without a label now and then, so that a network learns both with and without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelDropout {
    /// The label that stands for none.
    pub null_class: u32,
    /// How often it takes a label's place, 0 to 1: if the uniform number of stream
    /// [`LabelDropout`](Stream::LabelDropout), t = 0, sample s, element 0 is less.
    pub probability: f64,
}

impl LabelDropout {
    /// The label of training sample `s`, or the null class.
    pub fn apply(&self, seed: u64, s: u32, label: u32) -> u32 {
        let [word, ..] = rng::word_block(seed, Stream::LabelDropout, 0, s, 0);
        if rng::uniform(word) < self.probability { self.null_class } else { label }
    }
}

/// The samples of one training step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The step, 0 for the first.
    pub step: u32,
    /// s of the first sample: step · B.
    pub first_sample: u32,
    /// `[B, C, H, W]`, mirrored where they are to be.
    pub pixels: Vec<u8>,
    /// `[B]`, some of them dropped, if the data set has labels.
    pub labels: Option<Vec<u32>>,
}

impl Batch {
    /// x_start: `[B, C, H, W]` in [−1, 1].
    pub fn x_start(&self) -> Vec<f32> {
        self.pixels.iter().map(|&byte| to_signed(byte)).collect()
    }
}

/// Makes the batch of any step; the same one for the same step, options and data.
#[derive(Clone, Debug)]
pub struct Loader {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    order: BatchOrder,
}

impl Loader {
    /// Batches of `dataset`.
    ///
    /// # Errors
    /// If a batch is empty, a probability is none, or labels are to be dropped and there are none.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Self> {
        if options.batch_size == 0 {
            return Err(Error::input("batch size: expected 1 at least, found 0"));
        }
        if let Some(LabelDropout { probability, .. }) = options.label_dropout {
            if !(0.0..=1.0).contains(&probability) {
                return Err(Error::input(format!("label dropout: expected 0 to 1, found {probability}")));
            }
            if dataset.labels().is_none() {
                return Err(Error::input(
                    "label dropout: expected a data set with labels, found one without",
                ));
            }
        }
        let order = BatchOrder::new(options.seed, dataset.num_pictures(), options.mirror);
        Ok(Self { dataset, options, order })
    }

    /// The pictures.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The batch of `step`.
    ///
    /// # Errors
    /// After 2^32 samples, when draws would repeat.
    pub fn batch(&mut self, step: u32) -> Result<Batch> {
        let batch_size = self.options.batch_size;
        let first = u64::from(step) * u64::from(batch_size);
        let last = first + u64::from(batch_size) - 1;
        let Ok(last_sample) = u32::try_from(last) else {
            return Err(Error::input(format!(
                "step {step}: expected at most 2^32 samples in a training run, found {} by batches of {batch_size}",
                last + 1
            )));
        };
        let first_sample = last_sample - (batch_size - 1);
        let dataset = &self.dataset;
        let width = dataset.shape()[2] as usize;
        let mut pixels = Vec::with_capacity(batch_size as usize * dataset.elements());
        let mut labels = dataset.labels().map(|_| Vec::with_capacity(batch_size as usize));
        for s in first_sample..=last_sample {
            let item = self.order.item(s);
            let picture = dataset.picture(item.picture_ix);
            if item.mirrored {
                pixels.extend(picture.chunks_exact(width).flat_map(|row| row.iter().rev()));
            } else {
                pixels.extend_from_slice(picture);
            }
            if let (Some(labels), Some(all)) = (&mut labels, dataset.labels()) {
                let label = all[item.picture_ix as usize];
                let dropout = self.options.label_dropout;
                labels.push(dropout.map_or(label, |dropout| dropout.apply(self.options.seed, s, label)));
            }
        }
        Ok(Batch { step, first_sample, pixels, labels })
    }
}
