//! The start-up check: does this adapter compute what it should?
//!
//! The first steps of a small network's chain, of every kernel that a page's models need, run twice. Both runs must have the
//! same bits, and numbers that the tests' f64 twins know. Its weights and its noise are functions of small numbers, so nothing
//! but the answers is kept here.

use crate::checkpoint::{Checkpoint, Metadata, Weights};
use crate::diffusion::PredNoise;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::GpuContext;
use crate::graph::{Param, unet};
use crate::sampler::{Conditioning, Method, Sampler, SamplerOptions};
use crate::spec::{BlockKind, DiffusionSpec, DownsamplePadding, TimeConditioning, UNetSpec};

/// Steps that are run, of [`SelfTest::options`]' chain; the later ones would clip what went wrong.
pub const STEPS: u32 = 2;
/// Elements of x_t that are compared.
const SAMPLES: usize = 12;
/// |Δ| allowed. Adapters are within 2e-6 of the twins; a wrong sign or a forgotten term is off by 0.1.
const TOLERANCE: f32 = 1e-4;

/// x_t at [`SelfTest::place`] after [`STEPS`] steps, by [`SelfTest::known`]: a test computes them in f64.
static KNOWN: [[f32; SAMPLES]; 4] = [
    [
        1.2628499,
        -1.8673787,
        -0.49023846,
        0.67506474,
        -0.48631397,
        0.21666849,
        0.7102754,
        1.144175,
        -1.6327298,
        -0.31275472,
        -0.53052294,
        1.1789749,
    ],
    [
        1.2068534,
        -2.3486214,
        -1.2467326,
        0.67506474,
        -0.08038699,
        -1.0884552,
        0.7102754,
        1.144175,
        -1.6686935,
        -0.83501387,
        -0.06456774,
        1.623048,
    ],
    [
        1.0306814,
        -1.7450144,
        -0.45774007,
        1.07188,
        0.6765647,
        0.048246656,
        0.6655142,
        1.1559871,
        -1.0070523,
        0.30731636,
        -0.18377195,
        1.6010857,
    ],
    [
        0.9696686,
        -1.7582011,
        -0.77255756,
        1.07188,
        0.6765647,
        -0.9585651,
        0.6655142,
        1.1559871,
        -1.0441523,
        -0.014837801,
        0.23456909,
        1.6010857,
    ],
];

/// Which kernels are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// DDIM's step; otherwise the ancestral one.
    pub ddim: bool,
    /// The class embedding, and guidance.
    pub classes: bool,
}

impl SelfTest {
    /// What to check before a chain of `method`, with or without classes.
    pub fn of(method: Method, classes: bool) -> Self {
        Self { ddim: matches!(method, Method::Ddim { .. }), classes }
    }

    /// The network and its process.
    ///
    /// # Errors
    /// None is known.
    pub fn checkpoint(self) -> Result<Checkpoint> {
        let unet = UNetSpec {
            sample_size: [8, 8],
            in_channels: 3,
            out_channels: 3,
            block_out_channels: vec![8, 16],
            down_blocks: vec![BlockKind::Plain, BlockKind::Attention],
            up_blocks: vec![BlockKind::Attention, BlockKind::Plain],
            layers_per_block: 1,
            mid_attention: true,
            attn_norm_num_groups: None,
            attention_head_dim: Some(8),
            norm_num_groups: 4,
            norm_eps: 1e-5,
            downsample_padding: DownsamplePadding::Symmetric,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            time_embedding_dim: None,
            time_conditioning: TimeConditioning::Add,
            num_class_embeds: self.classes.then_some(3),
            dropout: 0.0,
        };
        let diffusion =
            DiffusionSpec { num_timesteps: 4, beta_start: 0.1, beta_end: 0.5, ..DiffusionSpec::default() };
        let graph = unet::describe(&unet, unet.sample_size)?;
        let tensors =
            graph.params.iter().zip(0..).map(|(p, ix)| (p.name.clone(), (p.shape.clone(), made_up(p, ix))));
        let weights = Weights::from_f32(tensors)?;
        let metadata = Metadata { null_class: self.classes.then_some(2), ..Metadata::default() };
        Ok(Checkpoint { unet, diffusion, metadata, weights })
    }

    /// The chain: two pictures of seed 7.
    pub fn options(self) -> SamplerOptions {
        SamplerOptions {
            count: 2,
            seed: 7,
            method: if self.ddim {
                Method::Ddim { eta: 0.5, pred_noise: PredNoise::FromClippedXStart }
            } else {
                Method::Ddpm
            },
            steps: 4,
            conditioning: if self.classes {
                Conditioning { label: Some(1), guidance: Some(2.0) }
            } else {
                Conditioning::default()
            },
            ..SamplerOptions::default()
        }
    }

    /// Where the compared elements are in x_t `[2, 3, 8, 8]`.
    pub fn places() -> [usize; SAMPLES] {
        std::array::from_fn(|ix| 3 + 31 * ix)
    }

    /// What they should be.
    pub fn known(self) -> &'static [f32; SAMPLES] {
        &KNOWN[2 * usize::from(self.ddim) + usize::from(self.classes)]
    }

    /// Runs the check.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::SelfTest`], if the adapter computes wrong numbers, or not the same ones twice.
    pub async fn run(self, gpu: &GpuContext) -> Result<()> {
        let options = self.options();
        let mut sampler = Sampler::new(gpu, &self.checkpoint()?, &options)?;
        let words = sampler.view_bytes() / 4;
        let runs = gpu.buffer("self-test", 2 * words)?;
        for run in 0..2 {
            sampler.restart(options.seed);
            let mut encoder = gpu.encoder();
            for _ in 0..STEPS {
                sampler.step(&mut encoder);
            }
            encoder.copy(gpu, (sampler.views()[0], 0), (&runs, run * words * 4), words * 4);
            gpu.submit(encoder);
        }
        let runs: Vec<f32> = gpu.read_range(&runs, 0, 2 * words * 4).await?;
        let (first, second) = runs.split_at(words as usize);
        let stride = sampler.stride() as usize;
        // Of [N, C, H, W] in [N, pixels, stride].
        let found = Self::places().map(|place| {
            let (channel, pixel) = (place / 64 % 3, place % 64);
            first[(place / 192 * 64 + pixel) * stride + channel]
        });
        self.judge(&found, first, second)
    }

    /// Compares two runs bit for bit, and `found` with [`Self::known`].
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn judge(self, found: &[f32; SAMPLES], first: &[f32], second: &[f32]) -> Result<()> {
        let wrong =
            |what: &str| Err(Error::new(ErrorKind::SelfTest, format!("this adapter computes {what}")));
        if bytemuck::cast_slice::<f32, u32>(first) != bytemuck::cast_slice::<f32, u32>(second) {
            return wrong("something else each time");
        }
        // Not a number is not within the tolerance either.
        if !found.iter().zip(self.known()).all(|(found, known)| (found - known).abs() <= TOLERANCE) {
            return wrong("other numbers than it should");
        }
        Ok(())
    }
}

/// Elements of parameter number `ix`: uniform, of variance 1 / fan-in for a matrix or a convolution, around 1 for a norm's scale,
/// and around 0 for a bias.
fn made_up(param: &Param, ix: u32) -> Vec<f32> {
    let elements = param.shape.iter().product::<usize>() as u32;
    let fan_in = param.shape.iter().skip(1).product::<usize>() as f32;
    let (middle, width) = match param.shape.len() {
        1 if param.name.ends_with("weight") => (1.0, 0.5),
        1 => (0.0, 0.5),
        _ => (0.0, (12.0 / fan_in).sqrt()),
    };
    let uniform = |element: u32| {
        // The finaliser of MurmurHash3.
        let mut word = (ix << 16) ^ element;
        word = (word ^ word >> 16).wrapping_mul(0x85EB_CA6B);
        word = (word ^ word >> 13).wrapping_mul(0xC2B2_AE35);
        (((word ^ word >> 16) >> 8) as f32 / (1 << 24) as f32) - 0.5
    };
    (0..elements).map(|element| middle + width * uniform(element)).collect()
}
