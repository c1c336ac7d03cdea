//! Every whole chain of schedulers.safetensors, computed by the GPU's kernels from the file's own noise.

use ddpm::diffusion::PredNoise;
use ddpm::gpu::{Binding, KernelKey, Params, ParamsLayout, Recorder, Shader};
use ddpm::ops::advance;
use ddpm::ops::chain::{Chain, Picture, StepCoefficients};
use ddpm::ops::p_sample::ReverseStep;
use ddpm::schedule::{self, ddim_steps, ddpm_steps};
use ddpm::spec::{DiffusionSpec, VarianceType};

use super::super::compare::{assert_close, assert_fails};
use super::super::fixtures::Fixture;
use super::super::gpu::gpu;
use super::one_step::{StepKernel, narrow, read, tensor, upload};

const TOLERANCE: f64 = 1e-4;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct ToyModel {
    words: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

impl Params for ToyModel {
    const LAYOUT: ParamsLayout = ParamsLayout {
        name: "ToyModel",
        size: 16,
        fields: &[("words", 0), ("pad0", 4), ("pad1", 8), ("pad2", 12)],
    };
}

static TOY_MODEL: Shader = Shader {
    name: "toy_model",
    source: include_str!("../shaders/toy_model.wgsl"),
    params: ToyModel::LAYOUT,
    bindings: &[
        ("chain", Binding::Read),
        ("steps", Binding::Read),
        ("bias", Binding::Read),
        ("x", Binding::Read),
        ("model_output", Binding::ReadWrite),
    ],
    entry_points: &["toy_model"],
    consts: &[],
    host: &[],
};

/// A chain of the toy model from given noise, all of it on the GPU.
pub struct ToyChain<'a> {
    pub spec: &'a DiffusionSpec,
    pub kind: ReverseStep,
    pub steps: &'a [schedule::StepCoefficients],
    /// Samples, C, H and W.
    pub shape: [u32; 4],
    pub x: &'a [f64],
    /// `[steps, samples, C·H·W]`.
    pub noise: &'a [f64],
}

impl ToyChain<'_> {
    /// x after the last step.
    pub fn run(&self) -> Vec<f32> {
        let [samples, channels, height, width] = self.shape;
        let tensor = tensor(channels, [channels, height, width]);
        let picture = Picture {
            plane: height * width,
            channels,
            stride: tensor.quads() * 4,
            samples,
            copies: 1,
            shared_noise: false,
        };
        let [x, model_output, pred_x_start, pred_noise] = [(); 4].map(|()| upload(&tensor, self.x));
        let coefficients: Vec<StepCoefficients> = self.steps.iter().map(StepCoefficients::from).collect();
        let chain = gpu().buffer_with("chain", &[Chain::new(0, 0, 0)]).expect("memory");
        let steps = gpu().buffer_with("steps", &coefficients).expect("memory");
        let bias: Vec<f32> =
            (0..self.spec.num_timesteps).map(|t| (0.05 * f64::from(t).sin()) as f32).collect();
        let bias = gpu().buffer_with("bias", &bias).expect("memory");
        let timesteps = gpu().buffer("timesteps", 1).expect("memory");
        let noise = gpu().buffer_with("noise", &narrow(self.noise)).expect("memory");

        let words = samples * picture.plane * picture.stride;
        let mut recorder = Recorder::new(gpu());
        let args = [&chain, &steps, &bias, &x, &model_output].map(Into::into);
        let toy = ToyModel { words, pad0: 0, pad1: 0, pad2: 0 };
        let key = KernelKey::new(&TOY_MODEL, "toy_model");
        recorder.dispatch("toy_model", key, &toy, &args, [words.div_ceil(64), 1, 1]).expect("recorded");
        StepKernel {
            spec: self.spec,
            kind: self.kind,
            picture,
            output_stride: picture.stride,
            chain: &chain,
            steps: &steps,
            model_output: &model_output,
            x: &x,
            pred_x_start: &pred_x_start,
            pred_noise: &pred_noise,
            gradient: None,
            noise: &noise,
        }
        .record(&mut recorder);
        advance::record(&mut recorder, self.steps.len() as u32, 1, &steps, &chain, &timesteps)
            .expect("recorded");
        let step = recorder.finish();
        for _ in self.steps {
            step.submit(gpu());
        }
        read(&tensor, &x)
    }
}

#[test]
fn whole_chains_on_the_gpu_follow_the_schedulers_of_diffusers() {
    let fixture = Fixture::load("diffusion/schedulers.safetensors");
    let x_t = fixture.f64("x_T");
    let shape: [usize; 4] = x_t.shape.clone().try_into().expect("4 sides");
    let names = fixture.names();
    let chains: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".x_0")).collect();
    assert!(!chains.is_empty());
    for chain in chains {
        let [sampler, count, kind]: [&str; 3] =
            chain.splitn(3, '_').collect::<Vec<_>>().try_into().expect("3 parts");
        let count: u32 = count.parse().expect("steps");
        let mut spec = DiffusionSpec::default();
        let (steps, kernel) = match (sampler, kind) {
            ("ddim", eta) => {
                let eta = eta.strip_prefix("eta").and_then(|eta| eta.parse().ok()).expect("eta");
                (ddim_steps(&spec, count, eta), ReverseStep::Ddim(PredNoise::FromNetwork))
            }
            (_, variance) => {
                spec.variance_type = match variance {
                    "fixed_small" => VarianceType::FixedSmall,
                    "fixed_large" => VarianceType::FixedLarge,
                    other => panic!("{chain}: variance {other}"),
                };
                (ddpm_steps(&spec, count), ReverseStep::Ancestral)
            }
        };
        let found = ToyChain {
            spec: &spec,
            kind: kernel,
            steps: &steps.expect("a chain"),
            shape: shape.map(|side| side as u32),
            x: &x_t.data,
            noise: &fixture.f64(&format!("{chain}.noise")).data,
        }
        .run();
        let want = fixture.f64(&format!("{chain}.x_0")).data;
        assert_close(&format!("GPU, {chain}"), &found, &want, TOLERANCE);
        let wrong: Vec<f32> = found.iter().map(|x| x + 5e-4).collect();
        assert_fails(chain, || assert_close("spoilt", &wrong, &want, TOLERANCE));
    }
}
