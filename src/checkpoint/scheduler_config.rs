//! diffusers' `DDPMScheduler` and `DDIMScheduler` configurations (`scheduler_config.json`) to [`DiffusionSpec`] and
//! back; we write a `DDPMScheduler`'s.
//!
//! A missing key has the default of diffusers' constructor. Not supported, and refused by name: other schedulers,
//! thresholding, a clipping range other than 1, terminal SNR rescaling, given betas, steps that are not spaced
//! "leading", and `set_alpha_to_one: false`.
//!
//! `learned` means here what it means in guided-diffusion: the output's second half is the log-variance. diffusers'
//! own scheduler would read it as the variance itself. `prediction_type: "previous_x"` is ours alone: diffusers'
//! schedulers refuse it.

use serde_json::{Value, json};

use super::DIFFUSERS_VERSION;
use super::json::{Fields, parse_object};
use crate::error::{Error, Result, decimal};
use crate::schedule::{MAX_TIMESTEPS, betas};
use crate::spec::{BetaSchedule, DiffusionSpec, PredictionType, UNetSpec, VarianceType};

/// Names a schedule that diffusers does not know, beside the `trained_betas` by which it follows it all the same.
/// (diffusers ignores keys that begin with an underscore.)
const OWN_SCHEDULE: &str = "_beta_schedule";

/// Most betas written as a list; more would not be read back.
const MAX_LISTED_BETAS: u32 = 4000;

impl DiffusionSpec {
    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    /// One sentence with the key, what was expected and what was found: for text that is not a JSON object, for values
    /// that make no sense, and for whatever this crate does not do.
    pub fn from_json(text: &str) -> Result<Self> {
        let map = parse_object(text)?;
        let fields = Fields(&map);
        refuse_unsupported(&fields)?;
        let spec = Self {
            num_timesteps: fields.u32("num_train_timesteps", 1000, 1..=MAX_TIMESTEPS)?,
            beta_schedule: beta_schedule(&fields)?,
            beta_start: fields.f64("beta_start", 1e-4)?,
            beta_end: fields.f64("beta_end", 0.02)?,
            prediction_type: prediction_type(&fields)?,
            variance_type: match fields.text("variance_type", "fixed_small")? {
                "fixed_small" | "fixed_small_log" => VarianceType::FixedSmall,
                "fixed_large" => VarianceType::FixedLarge,
                "learned" => VarianceType::Learned,
                "learned_range" => VarianceType::LearnedRange,
                _ => {
                    let expected = "\"fixed_small\", \"fixed_large\", \"learned\" or \"learned_range\"";
                    return Err(fields.refused("variance_type", expected));
                }
            },
            clip_sample: fields.flag("clip_sample", true)?,
            steps_offset: fields.u32("steps_offset", 0, 0..=MAX_TIMESTEPS)?,
        };
        if spec.clip_sample {
            fields.only("clip_sample_range", "1", |range| range.as_f64() == Some(1.0))?;
        }
        spec.validate()?;
        Ok(spec)
    }

    /// The `scheduler_config.json` that diffusers loads as this process, if it knows its `prediction_type`.
    ///
    /// # Errors
    /// If the spec makes no sense, or its schedule is one that diffusers only takes as a list of betas and T is too
    /// long for that.
    pub fn to_json(&self) -> Result<Value> {
        self.validate()?;
        let known = matches!(
            self.beta_schedule,
            BetaSchedule::Linear | BetaSchedule::Quad | BetaSchedule::SquaredCosCapV2
        );
        let mut config = json!({
            "_class_name": "DDPMScheduler",
            "_diffusers_version": DIFFUSERS_VERSION,
            "beta_end": self.beta_end,
            "beta_schedule": if known { self.beta_schedule.name() } else { "linear" },
            "beta_start": self.beta_start,
            "clip_sample": self.clip_sample,
            "clip_sample_range": 1.0,
            "dynamic_thresholding_ratio": 0.995,
            "num_train_timesteps": self.num_timesteps,
            "prediction_type": match self.prediction_type {
                PredictionType::Epsilon => "epsilon",
                PredictionType::Sample => "sample",
                PredictionType::PreviousX => "previous_x",
                PredictionType::V => "v_prediction",
            },
            "rescale_betas_zero_snr": false,
            "sample_max_value": 1.0,
            "steps_offset": self.steps_offset,
            "thresholding": false,
            "timestep_spacing": "leading",
            "trained_betas": null,
            "variance_type": match self.variance_type {
                VarianceType::FixedSmall => "fixed_small",
                VarianceType::FixedLarge => "fixed_large",
                VarianceType::Learned => "learned",
                VarianceType::LearnedRange => "learned_range",
            },
        });
        if !known {
            if self.num_timesteps > MAX_LISTED_BETAS {
                return Err(Error::unsupported(format!(
                    "num_train_timesteps: expected at most {MAX_LISTED_BETAS} with the {} schedule, which diffusers only \
                     takes as a list, found {}",
                    self.beta_schedule.name(),
                    self.num_timesteps
                )));
            }
            config[OWN_SCHEDULE] = self.beta_schedule.name().into();
            config["trained_betas"] =
                betas(self)?.iter().map(|beta| (*beta as f32).to_string().parse::<f64>().ok()).collect();
        }
        Ok(config)
    }

    /// Checks that `network` has the outputs that this process reads: as many as channels, or twice that where the variance is
    /// learned.
    ///
    /// # Errors
    /// If it has not.
    pub fn check_outputs(&self, network: &UNetSpec) -> Result<()> {
        let expected = self.outputs(network.in_channels);
        if network.out_channels == expected {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "out_channels: expected {expected}, as {} channels have {} a learned variance, found {}",
            network.in_channels,
            if self.variance_type.is_learned() { "with" } else { "without" },
            network.out_channels
        )))
    }

    /// Checks that the numbers make sense, without computing the tables.
    ///
    /// # Errors
    /// One sentence with the key, what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        for (key, value) in [("beta_start", self.beta_start), ("beta_end", self.beta_end)] {
            if !(value > 0.0 && value <= 1.0) {
                let found = decimal(value);
                return Err(Error::load(format!("{key}: expected more than 0 and at most 1, found {found}")));
            }
        }
        if self.num_timesteps == 0 || self.num_timesteps > MAX_TIMESTEPS {
            return Err(Error::load(format!(
                "num_train_timesteps: expected 1 to {MAX_TIMESTEPS}, found {}",
                self.num_timesteps
            )));
        }
        if self.steps_offset >= self.num_timesteps {
            return Err(Error::load(format!(
                "steps_offset: expected less than num_train_timesteps ({}), found {}",
                self.num_timesteps, self.steps_offset
            )));
        }
        Ok(())
    }
}

/// Refuses by name what [`DiffusionSpec`] cannot say.
fn refuse_unsupported(fields: &Fields) -> Result<()> {
    fields.only("_class_name", "\"DDPMScheduler\" or \"DDIMScheduler\"", |name| {
        name == "DDPMScheduler" || name == "DDIMScheduler"
    })?;
    fields.only("rescale_betas_zero_snr", "false", |flag| flag == false)?;
    fields.only("set_alpha_to_one", "true", |flag| flag == true)?;
    fields.only("thresholding", "false", |flag| flag == false)?;
    fields.only("timestep_spacing", "\"leading\"", |spacing| spacing == "leading")?;
    if fields.get(OWN_SCHEDULE).is_none() {
        fields.only("trained_betas", "null", Value::is_null)?;
    }
    Ok(())
}

fn beta_schedule(fields: &Fields) -> Result<BetaSchedule> {
    let key = if fields.get(OWN_SCHEDULE).is_some() { OWN_SCHEDULE } else { "beta_schedule" };
    let name = fields.text(key, "linear")?;
    BetaSchedule::from_name(name).map_err(|_| {
        fields.refused(
            key,
            "\"linear\", \"scaled_linear\", \"squaredcos_cap_v2\", \"const\", \"jsd\", \"warmup10\" or \"warmup50\"",
        )
    })
}

/// `prediction_type`, or the older `predict_epsilon`.
fn prediction_type(fields: &Fields) -> Result<PredictionType> {
    let default = if fields.flag("predict_epsilon", true)? { "epsilon" } else { "sample" };
    match fields.text("prediction_type", default)? {
        "epsilon" => Ok(PredictionType::Epsilon),
        "sample" => Ok(PredictionType::Sample),
        "previous_x" => Ok(PredictionType::PreviousX),
        "v_prediction" => Ok(PredictionType::V),
        _ => {
            let expected = "\"epsilon\", \"sample\", \"previous_x\" or \"v_prediction\"";
            Err(fields.refused("prediction_type", expected))
        }
    }
}
