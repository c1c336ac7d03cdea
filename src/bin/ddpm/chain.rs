//! What all verbs that sample ask of their users: the model, the kind of chain, the label.

use std::path::PathBuf;

use clap::ValueEnum;
use ddpm::checkpoint::Checkpoint;
use ddpm::diffusion::PredNoise;
use ddpm::error::{Error, Result};
use ddpm::sampler::{Conditioning, Method, SamplerOptions};

use crate::{Failure, model};

/// Timesteps of a chain where nobody says how many, as far as the model has them; DDPM takes them all.
const DDIM_STEPS: u32 = 50;
const LANGEVIN_LEVELS: u32 = 100;
/// Langevin updates on each level, and their signal-to-noise ratio.
const LANGEVIN_UPDATES: u32 = 3;
const LANGEVIN_SNR: f64 = 0.5;

#[derive(clap::Args)]
pub struct ChainArgs {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,

    /// The seed of all noise.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,

    /// The kind of chain: ancestral sampling (Algorithm 2), DDIM, or annealed Langevin dynamics.
    #[arg(long, value_enum, default_value = "ddpm")]
    sampler: SamplerName,

    /// Timesteps of the chain [default: all the model was trained with for ddpm, 50 for ddim, 100 for langevin].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,

    /// DDIM's share of noise: 0 is deterministic, 1 as noisy as DDPM.
    #[arg(long, default_value_t = 0.0, value_parser = parse_eta)]
    eta: f64,

    /// The predicted noise that a DDIM or Langevin step goes on with where the predicted picture was clipped: derived
    /// again from the clipped picture, or the network's own (diffusers' default).
    #[arg(long, value_enum, default_value = "rederived")]
    pred_noise: PredNoiseName,

    /// Langevin updates at each of the timesteps [default: 3].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=i64::from(ddpm::schedule::MAX_UPDATES)))]
    langevin_steps: Option<u32>,

    /// The ratio of the score's part of a Langevin update to the noise's, below 1 [default: 0.5].
    #[arg(long, value_name = "R", value_parser = parse_snr)]
    langevin_snr: Option<f64>,

    /// The class of all pictures, by number or name [default: the null class, or each class in turn].
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Classifier-free guidance: the noise is (1 - W) of the null class's and W of the label's.
    #[arg(long, value_name = "W", requires = "label", allow_negative_numbers = true)]
    guidance: Option<f64>,

    /// The label that stands for none, where the model does not say so itself.
    #[arg(long, value_name = "LABEL")]
    null_class: Option<u32>,

    /// Width and height of the pictures, if not the model's own.
    #[arg(long, value_name = "WxH", value_parser = model::parse_size)]
    size: Option<Size>,
}

/// Height and width.
type Size = [u32; 2];

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum SamplerName {
    Ddpm,
    Ddim,
    Langevin,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum PredNoiseName {
    Rederived,
    Network,
}

fn parse_eta(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|eta| (0.0..=1.0).contains(eta)).ok_or_else(|| "expected 0 to 1".to_owned())
}

fn parse_snr(text: &str) -> std::result::Result<f64, String> {
    let snr = text.parse().ok().filter(|&snr: &f64| snr > 0.0 && snr < 1.0);
    snr.ok_or_else(|| "expected more than 0 and less than 1".to_owned())
}

impl ChainArgs {
    /// Refuses options of one kind of chain together with another.
    pub fn check(&self) -> std::result::Result<(), Failure> {
        let refused = |text: &str| Err(Failure::Usage(text.to_owned()));
        if self.sampler != SamplerName::Ddim && self.eta != 0.0 {
            return refused("--eta is DDIM's: add --sampler ddim");
        }
        if self.sampler == SamplerName::Ddpm && self.pred_noise != PredNoiseName::Rederived {
            return refused("--pred-noise is not DDPM's: add --sampler ddim");
        }
        let langevin = self.langevin_steps.is_some() || self.langevin_snr.is_some();
        if self.sampler != SamplerName::Langevin && langevin {
            return refused("--langevin-steps and --langevin-snr need --sampler langevin");
        }
        Ok(())
    }

    /// The model, its null class the one asked for.
    pub fn load(&self) -> Result<Checkpoint> {
        let mut checkpoint = model::load(&self.model)?;
        model::set_null_class(&mut checkpoint, self.null_class)?;
        Ok(checkpoint)
    }

    /// What is asked for, as far as it can be said without an adapter, of `count` pictures.
    pub fn options(&self, checkpoint: &Checkpoint, count: u32) -> Result<SamplerOptions> {
        let num_timesteps = checkpoint.diffusion.num_timesteps;
        let pred_noise = match self.pred_noise {
            PredNoiseName::Rederived => PredNoise::FromClippedXStart,
            PredNoiseName::Network => PredNoise::FromNetwork,
        };
        let (method, steps) = match self.sampler {
            SamplerName::Ddpm => (Method::Ddpm, num_timesteps),
            SamplerName::Ddim => (Method::Ddim { eta: self.eta, pred_noise }, num_timesteps.min(DDIM_STEPS)),
            SamplerName::Langevin => {
                let updates = self.langevin_steps.unwrap_or(LANGEVIN_UPDATES);
                let snr = self.langevin_snr.unwrap_or(LANGEVIN_SNR);
                (Method::Langevin { updates, snr, pred_noise }, num_timesteps.min(LANGEVIN_LEVELS))
            }
        };
        let steps = self.steps.unwrap_or(steps);
        if steps > num_timesteps {
            return Err(Error::input(format!(
                "--steps {steps}: expected 1 to {num_timesteps}, as many as the model was trained with"
            )));
        }
        let label = self.label.as_deref().map(|text| model::label(checkpoint, text)).transpose()?;
        Ok(SamplerOptions {
            count,
            seed: self.seed,
            method,
            steps,
            conditioning: Conditioning { label, guidance: self.guidance },
            size: self.size,
            ..SamplerOptions::default()
        })
    }
}

/// C, H and W of the pictures of `options`.
pub fn shape(checkpoint: &Checkpoint, options: &SamplerOptions) -> [u32; 3] {
    let [height, width] = options.size.unwrap_or(checkpoint.unet.sample_size);
    [checkpoint.unet.in_channels, height, width]
}

/// What a PNG says of the chains its pictures came from.
pub fn texts(args: &ChainArgs, options: &SamplerOptions) -> Vec<(&'static str, String)> {
    let (sampler, eta, langevin) = match options.method {
        Method::Ddpm => ("ddpm", None, None),
        Method::Ddim { eta, .. } => ("ddim", Some(eta), None),
        Method::Langevin { updates, snr, .. } => ("langevin", None, Some((updates, snr))),
        Method::DdimEncode { .. } => ("ddim-encode", None, None),
    };
    let Conditioning { label, guidance } = options.conditioning;
    let always = [
        ("model", model::name(&args.model)),
        ("seed", options.seed.to_string()),
        ("sampler", sampler.to_owned()),
        ("steps", options.steps.to_string()),
    ];
    let sometimes = [
        ("eta", eta.map(|eta| eta.to_string())),
        ("langevin_steps", langevin.map(|(updates, _)| updates.to_string())),
        ("langevin_snr", langevin.map(|(_, snr)| snr.to_string())),
        ("label", label.map(|label| label.to_string())),
        ("guidance", guidance.map(|guidance| guidance.to_string())),
    ];
    always.into_iter().chain(sometimes.into_iter().filter_map(|(key, text)| Some((key, text?)))).collect()
}

/// Numbers as a sentence has them.
pub fn list(numbers: impl IntoIterator<Item = u32>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}
