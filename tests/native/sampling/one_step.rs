//! The kernels of a step with everything given: coefficients, the network's output, noise, perhaps a classifier's gradient.

use std::sync::OnceLock;

use ddpm::gpu::{Arg, Buffer, KernelKey, Recorder, Shader};
use ddpm::graph::Tensor;
use ddpm::ops::chain::{Chain, Picture, StepCoefficients};
use ddpm::ops::guided_step::GUIDED_STEP;
use ddpm::ops::p_sample::{self, P_SAMPLE, ReverseStep};
use ddpm::ops::{to_channels_first, to_channels_last};
use ddpm::schedule;
use ddpm::spec::DiffusionSpec;

use super::super::gpu::{block_on, gpu};
use super::given_noise::with_given_noise;

/// The kernel of a step, and of one that follows a classifier, their noise given.
fn shader(guided: bool) -> &'static Shader {
    static SHADERS: OnceLock<[&'static Shader; 2]> = OnceLock::new();
    SHADERS.get_or_init(|| [&P_SAMPLE, &GUIDED_STEP].map(with_given_noise))[usize::from(guided)]
}

/// One sample's step.
pub struct OneStep<'a> {
    pub spec: &'a DiffusionSpec,
    pub kind: ReverseStep,
    pub coefficients: schedule::StepCoefficients,
    /// C, H and W.
    pub shape: [u32; 3],
    pub x_t: &'a [f64],
    /// C channels, or 2·C with a learned variance.
    pub model_output: &'a [f64],
    pub noise: &'a [f64],
    pub gradient: Option<&'a [f64]>,
}

/// What the kernel made of it.
pub struct Stepped {
    pub x_prev: Vec<f32>,
    pub pred_x_start: Vec<f32>,
}

pub fn tensor(channels: u32, [_, height, width]: [u32; 3]) -> Tensor {
    Tensor { name: "x".into(), height, width, segments: vec![channels] }
}

pub fn upload(tensor: &Tensor, values: &[f64]) -> Buffer {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    gpu().buffer_with("values", &to_channels_last(tensor, &values)).expect("memory")
}

pub fn read(tensor: &Tensor, buffer: &Buffer) -> Vec<f32> {
    to_channels_first(tensor, &block_on(gpu().read(buffer)).expect("values"))
}

pub fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// The buffers of steps, all of them recorded by `record`.
pub struct StepKernel<'a> {
    pub spec: &'a DiffusionSpec,
    pub kind: ReverseStep,
    pub picture: Picture,
    pub output_stride: u32,
    pub chain: &'a Buffer,
    pub steps: &'a Buffer,
    pub model_output: &'a Buffer,
    pub x: &'a Buffer,
    pub pred_x_start: &'a Buffer,
    pub pred_noise: &'a Buffer,
    pub gradient: Option<&'a Buffer>,
    /// `[steps, samples, C·H·W]`.
    pub noise: &'a Buffer,
}

impl StepKernel<'_> {
    pub fn record(&self, rec: &mut Recorder<'_>) {
        let shader = shader(self.gradient.is_some());
        let entry_point = shader.entry_points[usize::from(self.kind != ReverseStep::Ancestral)];
        let params = p_sample::step_params(&self.picture, self.spec, self.kind, None, self.output_stride);
        let mut args = vec![
            self.chain.into(),
            self.steps.into(),
            self.model_output.into(),
            self.x.into(),
            self.pred_x_start.into(),
            self.pred_noise.into(),
        ];
        args.extend(self.gradient.map(Arg::from));
        args.push(self.noise.into());
        let groups = p_sample::groups(&self.picture);
        rec.dispatch(entry_point, KernelKey::new(shader, entry_point), &params, &args, groups)
            .expect("recorded");
    }
}

impl OneStep<'_> {
    /// Runs it.
    pub fn run(&self) -> Stepped {
        let [channels, height, width] = self.shape;
        let x_tensor = tensor(channels, self.shape);
        let output_tensor = tensor(self.model_output.len() as u32 / (height * width), self.shape);
        let picture = Picture {
            plane: height * width,
            channels,
            stride: x_tensor.quads() * 4,
            samples: 1,
            copies: 1,
            shared_noise: false,
        };
        let [x, pred_x_start, pred_noise] = [(); 3].map(|()| upload(&x_tensor, self.x_t));
        let gradient = self.gradient.map(|gradient| upload(&x_tensor, gradient));
        let step = StepCoefficients::from(&self.coefficients);
        StepKernel {
            spec: self.spec,
            kind: self.kind,
            picture,
            output_stride: output_tensor.quads() * 4,
            chain: &gpu().buffer_with("chain", &[Chain::new(0, 0, 0)]).expect("memory"),
            steps: &gpu().buffer_with("steps", &[step]).expect("memory"),
            model_output: &upload(&output_tensor, self.model_output),
            x: &x,
            pred_x_start: &pred_x_start,
            pred_noise: &pred_noise,
            gradient: gradient.as_ref(),
            noise: &gpu().buffer_with("noise", &narrow(self.noise)).expect("memory"),
        }
        .submit();
        Stepped { x_prev: read(&x_tensor, &x), pred_x_start: read(&x_tensor, &pred_x_start) }
    }
}

impl StepKernel<'_> {
    fn submit(&self) {
        let mut recorder = Recorder::new(gpu());
        self.record(&mut recorder);
        recorder.finish().submit(gpu());
    }
}
