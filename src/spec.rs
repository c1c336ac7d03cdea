//! What a network, a diffusion process and a training run are, as plain data: [`UNetSpec`], [`DiffusionSpec`], [`TrainSpec`].
//!
//! The first two follow the fields of diffusers' `UNet2DModel` and `DDPMScheduler` configurations; `checkpoint/` translates.
//! All three are also the tables of a training run's `config.toml`, under the same names.

use serde::{Deserialize, Serialize};

/// One resolution level of the U-Net, in the order of diffusers' `down_block_types` / `up_block_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// `DownBlock2D` / `UpBlock2D`: ResNet blocks alone.
    Plain,
    /// `AttnDownBlock2D` / `AttnUpBlock2D`: each ResNet block is followed by self-attention.
    Attention,
}

/// How the time embedding enters a ResNet block (`resnet_time_scale_shift`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeConditioning {
    /// `default`: added to the first convolution's output.
    Add,
    /// `scale_shift`: h = norm2(h)·(1 + scale) + shift.
    ScaleShift,
}

/// The padding of the stride-2 convolutions (`downsample_padding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownsamplePadding {
    /// 0: one row below and one column right, TensorFlow's SAME.
    Asymmetric,
    /// 1: one pixel on every side.
    Symmetric,
}

/// A `UNet2DModel`: everything that decides its parameters' names and shapes, and what it computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetSpec {
    /// Height and width the network was trained at, in pixels.
    pub sample_size: [u32; 2],
    /// Channels of x_t.
    pub in_channels: u32,
    /// Channels of the output: `in_channels`, or twice that where the variance is learned.
    pub out_channels: u32,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<u32>,
    /// Kind of each level on the way down, finest first.
    pub down_blocks: Vec<BlockKind>,
    /// Kind of each level on the way up, coarsest first.
    pub up_blocks: Vec<BlockKind>,
    /// ResNet blocks a level on the way down; one more on the way up.
    pub layers_per_block: u32,
    /// Attention in the middle block (`add_attention`).
    pub mid_attention: bool,
    /// Groups of the middle attention's GroupNorm (`attn_norm_num_groups`); `None` is diffusers' default:
    /// `norm_num_groups`, or no normalisation at all with [`TimeConditioning::ScaleShift`].
    pub attn_norm_num_groups: Option<u32>,
    /// Channels of one attention head; `None` is a single head.
    pub attention_head_dim: Option<u32>,
    /// Groups of every GroupNorm.
    pub norm_num_groups: u32,
    /// GroupNorm's numerical epsilon (attention's GroupNorm included).
    pub norm_eps: f32,
    /// Padding of the stride-2 convolutions.
    pub downsample_padding: DownsamplePadding,
    /// Cosines before sines in the timestep embedding.
    pub flip_sin_to_cos: bool,
    /// The embedding's frequencies are 10000^(−i / (half − freq_shift)).
    pub freq_shift: f64,
    /// Width of the time embedding; `None` is 4 · `block_out_channels[0]`.
    pub time_embedding_dim: Option<u32>,
    /// How the time embedding enters a ResNet block.
    pub time_conditioning: TimeConditioning,
    /// Rows of the class embedding, if the network is class-conditional.
    pub num_class_embeds: Option<u32>,
    /// Dropout probability in training.
    pub dropout: f32,
}

impl UNetSpec {
    /// Width of the time embedding.
    pub fn time_embed_dim(&self) -> u32 {
        self.time_embedding_dim.unwrap_or(4 * self.block_out_channels[0])
    }

    /// Height and width must be multiples of this.
    pub fn size_multiple(&self) -> u32 {
        1 << (self.block_out_channels.len() - 1)
    }
}

/// The β schedules, with diffusers' and the reference code's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// `linear`: β from start to end in equal steps (the paper's).
    Linear,
    /// `quad`, diffusers' `scaled_linear`: √β in equal steps.
    Quad,
    /// `const`: β = end at every t.
    Const,
    /// `jsd`: β_t = 1 / (T − t).
    Jsd,
    /// `warmup10`: linear over the first tenth, then constant.
    Warmup10,
    /// `warmup50`: linear over the first half, then constant.
    Warmup50,
    /// `squaredcos_cap_v2`: Nichol & Dhariwal's cosine schedule, capped at 0.999.
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosCapV2,
}

/// What the network's output o means (`prediction_type`), and so what it is trained to say. In every case
/// x̂_0 = a·x_t + b·o and ε̂ = c·x_t + d·o, with numbers of t alone: those of
/// [`StepCoefficients`](crate::schedule::StepCoefficients).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// `epsilon`: the noise ε; x̂_0 = √(1/ᾱ_t)·x_t − √(1/ᾱ_t − 1)·o (arXiv 2006.11239 eq. 15).
    Epsilon,
    /// `sample`: x_0.
    Sample,
    /// `previous_x`: the mean of q(x_{t−1} | x_t, x_0) of the full process, as in Ho's code (`XPREV`); x̂_0 = (o −
    /// `posterior_mean_coef2[t]`·x_t) / `posterior_mean_coef1[t]` (eq. 7 solved for x_0). A step from t to t − 1 has
    /// o itself as its mean, as in Ho's code and in guided-diffusion; every other step, and DDIM's, goes by x̂_0. diffusers has
    /// no such type, and refuses checkpoints that do.
    ///
    /// guided-diffusion's `SpacedDiffusion` takes the coefficients of a respaced chain instead, and o as the mean of its longer
    /// steps, though the network learned those of single steps.
    PreviousX,
    /// `v_prediction`: v = √ᾱ_t·ε − √(1−ᾱ_t)·x_0; x̂_0 = √ᾱ_t·x_t − √(1 − ᾱ_t)·o (arXiv 2202.00512, appendix D).
    #[serde(rename = "v_prediction")]
    V,
}

/// The reverse process's variance (`variance_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceType {
    /// σ² = β̃_t.
    FixedSmall,
    /// σ² = β_t, but `posterior_variance[1]` at t = 0.
    FixedLarge,
    /// The output's second half is the log-variance.
    Learned,
    /// The output's second half interpolates log β̃_t and log β_t.
    LearnedRange,
}

impl VarianceType {
    /// Whether the network says it, in as many outputs again.
    pub fn is_learned(self) -> bool {
        matches!(self, Self::Learned | Self::LearnedRange)
    }
}

/// A diffusion process: the schedule and how the network's output is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionSpec {
    /// T.
    pub num_timesteps: u32,
    /// The shape of β.
    pub beta_schedule: BetaSchedule,
    /// β at t = 0.
    pub beta_start: f64,
    /// β at t = T − 1.
    pub beta_end: f64,
    /// What the network's output means.
    pub prediction_type: PredictionType,
    /// The reverse process's variance.
    pub variance_type: VarianceType,
    /// Clip the predicted x_0 to [−1, 1].
    pub clip_sample: bool,
    /// Added to every respaced timestep (`steps_offset`).
    pub steps_offset: u32,
}

impl DiffusionSpec {
    /// Channels of the network's output for `channels` of x_t: a learned variance has as many again.
    pub fn outputs(&self, channels: u32) -> u32 {
        if self.variance_type.is_learned() { 2 * channels } else { channels }
    }
}

impl Default for DiffusionSpec {
    /// The paper's: T = 1000, β linear from 1e-4 to 0.02, ε predicted, σ² = β, clipped.
    fn default() -> Self {
        Self {
            num_timesteps: 1000,
            beta_schedule: BetaSchedule::Linear,
            beta_start: 1e-4,
            beta_end: 0.02,
            prediction_type: PredictionType::Epsilon,
            variance_type: VarianceType::FixedLarge,
            clip_sample: true,
            steps_offset: 0,
        }
    }
}

/// What training minimises, as in `GaussianDiffusion.training_losses` of guided-diffusion. Everything is a mean over the
/// elements of a picture; `vb` is the term of the variational bound at the drawn t, in bits per dimension (arXiv 2006.11239
/// eq. 5), with nothing clipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossType {
    /// `mse`: (target − o)², the simple loss (eq. 14), the target by the [`PredictionType`]. A learned variance adds `vb`, whose
    /// gradient stops at the mean: the variance alone learns from it.
    #[default]
    Mse,
    /// `rescaled_mse`: the same with `vb`·T/1000, the hybrid loss of arXiv 2102.09672 eq. 16. With a fixed variance it is `mse`.
    RescaledMse,
    /// `kl`: `vb`, of which both the mean and a learned variance learn.
    Kl,
    /// `rescaled_kl`: `vb`·T, an estimate of the whole bound but for its constant L_T.
    RescaledKl,
}

impl LossType {
    /// Whether a squared error is a part of it, rather than the bound being all.
    pub fn has_mse(self) -> bool {
        matches!(self, Self::Mse | Self::RescaledMse)
    }
}

/// How the learning rate goes on after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningRateSchedule {
    /// It stays.
    Constant,
    /// It falls to 0 at the last step along half a cosine.
    Cosine,
}

/// A training run: the loss, Adam, clipping and the moving average; the data are the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSpec {
    /// Steps of the whole run.
    pub steps: u32,
    /// Samples a step.
    pub batch_size: u32,
    /// Samples that are on the GPU at once; divides `batch_size`. The rest follow, their gradients accumulated. In
    /// `config.toml`, 0 or none is to be chosen.
    #[serde(default)]
    pub micro_batch: u32,
    /// What is minimised.
    pub loss: LossType,
    /// γ of min-SNR-γ weighting (arXiv 2303.09556): the squared error of x̂_0 counts min(SNR, γ) times, SNR = ᾱ_t / (1 − ᾱ_t),
    /// whatever is predicted. In `config.toml`, 0 is none: what is predicted counts once.
    #[serde(with = "zero_is_none")]
    pub min_snr_gamma: Option<f64>,
    /// The learning rate after the warm-up.
    pub learning_rate: f64,
    /// How it goes on.
    pub schedule: LearningRateSchedule,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: u32,
    /// Adam's decay of the first moment.
    pub beta1: f64,
    /// Adam's decay of the second moment.
    pub beta2: f64,
    /// Adam's numerical epsilon.
    pub eps: f64,
    /// Decoupled weight decay (AdamW's).
    pub weight_decay: f64,
    /// The longest that all gradients together may be; longer ones are shortened. In
    /// `config.toml`, 0 is none.
    #[serde(with = "zero_is_none")]
    pub max_grad_norm: Option<f64>,
    /// Decay of the parameters' moving average; at step k (from 1) it is at most (1 + k) / (10 + k), so that short runs
    /// have one too.
    pub ema_decay: f64,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// Names of layers behind which nothing is learned: the gradient of their output counts as zero, so that neither they are
    /// trained nor what reaches the loss through them alone.
    pub stopped: Vec<String>,
}

impl Default for TrainSpec {
    /// The paper's: 800,000 steps of 128, Adam at 2e-4 after 5000 steps of warm-up, gradients of norm 1 at most, average
    /// 0.9999.
    fn default() -> Self {
        Self {
            steps: 800_000,
            batch_size: 128,
            micro_batch: 128,
            loss: LossType::Mse,
            min_snr_gamma: None,
            learning_rate: 2e-4,
            schedule: LearningRateSchedule::Constant,
            warmup_steps: 5000,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: Some(1.0),
            ema_decay: 0.9999,
            seed: 0,
            stopped: Vec::new(),
        }
    }
}

impl TrainSpec {
    /// The learning rate of step `k`, counted from 1.
    pub fn learning_rate_at(&self, k: u32) -> f64 {
        let warm = f64::from(self.warmup_steps);
        if k < self.warmup_steps {
            return self.learning_rate * f64::from(k) / warm;
        }
        match self.schedule {
            LearningRateSchedule::Constant => self.learning_rate,
            LearningRateSchedule::Cosine => {
                let length = (f64::from(self.steps) - warm).max(1.0);
                let done = ((f64::from(k) - warm) / length).min(1.0);
                self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }

    /// The moving average's decay at step `k`, counted from 1.
    pub fn ema_decay_at(&self, k: u32) -> f64 {
        self.ema_decay.min((1.0 + f64::from(k)) / (10.0 + f64::from(k)))
    }
}

/// TOML has no word for nothing, and a key that is missing has its default.
mod zero_is_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.unwrap_or(0.0).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Some(f64::deserialize(deserializer)?).filter(|&value| value != 0.0))
    }
}
