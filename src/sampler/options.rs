//! What to sample: how many pictures, by which chain, under which label.

use crate::checkpoint::Checkpoint;
use crate::diffusion::PredNoise;
use crate::error::{Error, Result, decimal};
use crate::schedule::{self, StepCoefficients};
use crate::spec::DiffusionSpec;

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
    /// Annealed Langevin dynamics by the same network, on as many levels as there are steps
    /// ([`langevin_steps`](schedule::langevin_steps)).
    #[cfg(feature = "chains")]
    Langevin {
        /// Updates on each level.
        updates: u32,
        /// The ratio of the score's part of an update to the noise's.
        snr: f64,
        /// Which ε̂ goes with a clipped x̂_0.
        pred_noise: PredNoise,
    },
    /// The deterministic DDIM backwards, from pictures to the x that lead to them
    /// ([`ddim_encode_steps`](schedule::ddim_encode_steps)): put them in place with [`Sampler::write_x`].
    ///
    /// [`Sampler::write_x`]: super::Sampler::write_x
    #[cfg(feature = "chains")]
    DdimEncode {
        /// Which ε̂ goes with a clipped x̂_0.
        pred_noise: PredNoise,
    },
}

impl SamplerOptions {
    /// The steps of the chain, in the order they are taken.
    ///
    /// # Errors
    /// If there is no such chain.
    pub fn chain(&self, spec: &DiffusionSpec) -> Result<Vec<StepCoefficients>> {
        let steps = self.method.steps(spec, self.steps)?;
        // Without more chains there is no more than one.
        if self.resample == 1 || !cfg!(feature = "chains") {
            return Ok(steps);
        }
        let learned = spec.variance_type.is_learned();
        match self.method {
            // There σ is a factor on what the network says.
            Method::Ddpm if learned => Err(Error::input(
                "resampling: expected DDIM, or a model of fixed variance, found a learned one",
            )),
            Method::Ddpm | Method::Ddim { .. } => {
                schedule::resampled_steps(spec.num_timesteps, &steps, self.resample)
            }
            #[cfg(feature = "chains")]
            Method::Langevin { .. } | Method::DdimEncode { .. } => {
                Err(Error::input("resampling: expected DDPM or DDIM, whose steps lead down a level each"))
            }
        }
    }
}

impl Method {
    /// The steps of a chain of `count` timesteps, in the order they are taken.
    ///
    /// # Errors
    /// If there is no such chain.
    pub fn steps(self, spec: &DiffusionSpec, count: u32) -> Result<Vec<StepCoefficients>> {
        match self {
            Self::Ddpm => schedule::ddpm_steps(spec, count),
            Self::Ddim { eta, .. } => schedule::ddim_steps(spec, count, eta),
            #[cfg(feature = "chains")]
            Self::Langevin { updates, snr, .. } => schedule::langevin_steps(spec, count, updates, snr),
            #[cfg(feature = "chains")]
            Self::DdimEncode { .. } => schedule::ddim_encode_steps(spec, count),
        }
    }
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
    /// The kind of chain.
    pub method: Method,
    /// Timesteps of the chain, at most T; each is one step, or of Langevin dynamics one level.
    pub steps: u32,
    /// Labels and guidance.
    pub conditioning: Conditioning,
    /// Height and width, if not the network's own.
    pub size: Option<[u32; 2]>,
    /// All pictures draw the noise of the first, so that they differ by what they begin with, or by their labels, alone.
    pub shared_noise: bool,
    /// How often each step of a DDPM or DDIM chain is taken, noised back in between (see
    /// [`resampled_steps`](schedule::resampled_steps)): 1, or more for inpainting to fit what it leaves.
    pub resample: u32,
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
            shared_noise: false,
            resample: 1,
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
