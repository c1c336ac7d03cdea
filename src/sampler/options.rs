//! What to sample: how many pictures, by which chain, under which label.

use crate::checkpoint::Checkpoint;
use crate::diffusion::PredNoise;
use crate::error::{Error, Result, decimal};

/// The chain's kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Ancestral sampling, Algorithm 2.
    Ddpm,
    /// DDIM (arXiv 2010.02502).
    Ddim {
        /// 0: deterministic; 1: as noisy as DDPM.
        eta: f64,
        /// Which ε̂ goes with a clipped x̂_0.
        pred_noise: PredNoise,
    },
}

/// The labels of a class-conditional chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditioning {
    /// The label of every picture, or `None` for the null class (or, where there is none, each label in turn).
    pub label: Option<u32>,
    /// w of ε = (1 − w) · ε_null + w · ε_label; `None` is 1, the label's ε alone.
    pub guidance: Option<f64>,
}

/// What to sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerOptions {
    /// Pictures in the batch.
    pub count: u32,
    /// Index of the first: picture i of a seed is the same in every batch.
    pub first_sample: u32,
    /// The seed of all noise.
    pub seed: u64,
    /// DDPM or DDIM.
    pub method: Method,
    /// Steps of the chain, at most T.
    pub steps: u32,
    /// Labels and guidance.
    pub conditioning: Conditioning,
    /// Height and width, if not the network's own.
    pub size: Option<[u32; 2]>,
}

impl Default for SamplerOptions {
    /// One picture of seed 0 by the full chain of 1000 steps.
    fn default() -> Self {
        Self {
            count: 1,
            first_sample: 0,
            seed: 0,
            method: Method::Ddpm,
            steps: 1000,
            conditioning: Conditioning::default(),
            size: None,
        }
    }
}

/// The network's rows: each picture once, or twice where label and null class are both evaluated.
pub(super) struct Branches {
    pub(super) copies: u32,
    pub(super) labels: Option<Vec<u32>>,
    pub(super) guidance: Option<f32>,
}

impl SamplerOptions {
    /// The label of each picture by a network with `num_classes` of them, of which `null_class` may mean none: `[count]`.
    pub fn labels(&self, num_classes: u32, null_class: Option<u32>) -> Vec<u32> {
        match self.conditioning.label.or(null_class) {
            Some(label) => vec![label; self.count as usize],
            None => (0..self.count).map(|i| (self.first_sample + i) % num_classes).collect(),
        }
    }

    pub(super) fn branches(&self, checkpoint: &Checkpoint) -> Result<Branches> {
        if self.count == 0 {
            return Err(Error::input("0 pictures: ask for at least 1"));
        }
        let Conditioning { label, guidance } = &self.conditioning;
        let Some(num_classes) = checkpoint.unet.num_class_embeds else {
            if label.is_some() || guidance.is_some() {
                return Err(Error::input("this checkpoint has no classes: label and guidance do not apply"));
            }
            return Ok(Branches { copies: 1, labels: None, guidance: None });
        };
        let null_class = checkpoint.metadata.null_class;
        if let Some(label) = label.filter(|&label| label >= num_classes) {
            return Err(Error::input(format!(
                "label {label}: this checkpoint has labels 0 to {}",
                num_classes - 1
            )));
        }
        let weight = guidance.unwrap_or(1.0);
        if !weight.is_finite() {
            return Err(Error::input(format!("guidance {}: expected a finite number", decimal(weight))));
        }
        let labels = self.labels(num_classes, null_class);
        if weight == 1.0 {
            return Ok(Branches { copies: 1, labels: Some(labels), guidance: None });
        }
        let Some(null) = null_class else {
            return Err(Error::input(
                "guidance needs a checkpoint with a null class, and this one names none",
            ));
        };
        let nulls = vec![null; self.count as usize];
        if weight == 0.0 {
            return Ok(Branches { copies: 1, labels: Some(nulls), guidance: None });
        }
        let labels = labels.into_iter().chain(nulls).collect();
        Ok(Branches { copies: 2, labels: Some(labels), guidance: Some(weight as f32) })
    }
}
