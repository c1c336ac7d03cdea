//! Runs by name: networks and settings that are known to learn.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::spec::{
    BlockKind, DownsamplePadding, LearningRateSchedule, TimeConditioning, TrainSpec, UNetSpec,
};

/// A network and how it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Learns to draw small grey pictures in minutes on two CPU cores.
    Tiny,
    /// A million parameters: for small pictures on any GPU.
    Small,
    /// The paper's network and run for CIFAR-10 (arXiv 2006.11239, appendix B): `ddpm-cifar10-32`.
    Cifar10,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tiny, Self::Small, Self::Cifar10];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Cifar10 => "cifar10",
        }
    }

    /// The network for pictures of `shape` (C, H, W), without classes. Height and width are rounded up to what the network
    /// can halve at every level.
    pub fn network(self, shape: [u32; 3]) -> UNetSpec {
        let (plain, attention) = (BlockKind::Plain, BlockKind::Attention);
        // Kinds of the levels, finest first; the same on the way up.
        let (block_out_channels, kinds) = match self {
            Self::Tiny => (vec![16, 16, 32], vec![plain, attention, plain]),
            Self::Small => (vec![32, 64, 64], vec![plain, attention, plain]),
            Self::Cifar10 => (vec![128, 256, 256, 256], vec![plain, attention, plain, plain]),
        };
        let [channels, height, width] = shape;
        let multiple = 1 << (block_out_channels.len() - 1);
        let is_paper = self == Self::Cifar10;
        UNetSpec {
            sample_size: [height, width].map(|side| side.next_multiple_of(multiple)),
            in_channels: channels,
            out_channels: channels,
            block_out_channels,
            up_blocks: kinds.iter().rev().copied().collect(),
            down_blocks: kinds,
            layers_per_block: if is_paper { 2 } else { 1 },
            mid_attention: self != Self::Tiny,
            attn_norm_num_groups: None,
            attention_head_dim: None,
            norm_num_groups: if is_paper { 32 } else { 8 },
            norm_eps: 1e-6,
            downsample_padding: DownsamplePadding::Asymmetric,
            flip_sin_to_cos: false,
            freq_shift: 1.0,
            time_embedding_dim: None,
            time_conditioning: TimeConditioning::Add,
            num_class_embeds: None,
            dropout: if is_paper { 0.1 } else { 0.0 },
        }
    }

    /// How it is trained, all of a batch at once.
    pub fn training(self) -> TrainSpec {
        let paper = TrainSpec::default();
        match self {
            Self::Tiny => TrainSpec {
                steps: 2000,
                batch_size: 16,
                micro_batch: 16,
                learning_rate: 2e-3,
                schedule: LearningRateSchedule::Cosine,
                warmup_steps: 100,
                ema_decay: 0.995,
                ..paper
            },
            Self::Small => TrainSpec {
                steps: 30_000,
                batch_size: 64,
                micro_batch: 64,
                learning_rate: 5e-4,
                schedule: LearningRateSchedule::Cosine,
                warmup_steps: 500,
                ema_decay: 0.999,
                ..paper
            },
            Self::Cifar10 => paper,
        }
    }

    /// Whether half of the pictures are mirrored, left to right.
    pub fn mirrors(self) -> bool {
        self == Self::Cifar10
    }
}

impl FromStr for Preset {
    type Err = Error;

    /// # Errors
    /// If `text` is no preset's name.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| Error::input(format!("preset: expected tiny, small or cifar10, found {text}")))
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
