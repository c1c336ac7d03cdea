//! Every picture of gaussian_diffusion.safetensors, computed by the GPU's kernels.
//!
//! Where the file has a quantity that a kernel does not write, the kernel writes it under inputs that leave nothing else: a
//! mean is a step without noise, a variance the shift that a classifier's gradient of ones gives a step without a mean.

use std::collections::BTreeSet;

use ddpm::diffusion::PredNoise;
use ddpm::gpu::{KernelKey, Recorder};
use ddpm::ops::chain::Chain;
use ddpm::ops::p_sample::ReverseStep;
use ddpm::ops::q_sample::{Q_SAMPLE, QSample};
use ddpm::schedule::{Schedule, StepCoefficients, ddim_reverse_step, ddim_steps, ddpm_steps};
use ddpm::spec::{DiffusionSpec, PredictionType, VarianceType};

use super::super::compare::{assert_close, assert_fails};
use super::super::fixtures::{Fixture, Tensor};
use super::super::gpu::gpu;
use super::given_noise::with_given_noise;
use super::one_step::{OneStep, Stepped, narrow, read, tensor, upload};

const TOLERANCE: f64 = 1e-4;
const PREDICTIONS: [(&str, PredictionType); 2] =
    [("epsilon", PredictionType::Epsilon), ("start_x", PredictionType::Sample)];
const VARIANCES: [(&str, VarianceType); 3] = [
    ("fixed_small", VarianceType::FixedSmall),
    ("fixed_large", VarianceType::FixedLarge),
    ("learned_range", VarianceType::LearnedRange),
];
const DDIM: ReverseStep = ReverseStep::Ddim(PredNoise::FromClippedXStart);

struct Known {
    fixture: Fixture,
    shape: [u32; 3],
    timesteps: Vec<u32>,
    compared: BTreeSet<String>,
}

/// A sample of the file.
struct Sample {
    t: u32,
    x_start: Vec<f64>,
    x_t: Vec<f64>,
    noise: Vec<f64>,
    model_output: Vec<f64>,
}

impl Known {
    fn load() -> Self {
        let fixture = Fixture::load("diffusion/gaussian_diffusion.safetensors");
        let timesteps = fixture.i64("timestep").data.into_iter().map(|t| t as u32).collect();
        let shape = fixture.f64("x_t").shape;
        let shape = [shape[1], shape[2], shape[3]].map(|side| side as u32);
        Self { fixture, shape, timesteps, compared: BTreeSet::new() }
    }

    fn samples(&self) -> Vec<Sample> {
        let [x_start, x_t, noise, output] =
            ["x_start", "x_t", "sample_noise", "model_output"].map(|name| self.fixture.f64(name));
        let row = |tensor: &Tensor<f64>, n: usize| tensor.row(n).to_vec();
        let of = |(n, &t): (usize, &u32)| Sample {
            t,
            x_start: row(&x_start, n),
            x_t: row(&x_t, n),
            noise: row(&noise, n),
            model_output: row(&output, n),
        };
        self.timesteps.iter().enumerate().map(of).collect()
    }

    /// Compares what the GPU `found` for the whole batch with the answer called `name`; a wrong one must fail.
    fn check(&mut self, name: &str, found: Vec<f32>) {
        let want = self.fixture.f64(name).data;
        assert_close(&format!("GPU, {name}"), &found, &want, TOLERANCE);
        self.compared.insert(name.to_owned());
        let mut wrong = found;
        let last = wrong.len() - 1;
        wrong[last] += (5e-4 * (1.0 + want[last].abs())) as f32;
        assert_fails(name, || assert_close("spoilt", &wrong, &want, TOLERANCE));
    }

    /// As [`Self::check`], of what `of` makes of each sample.
    fn check_each(&mut self, name: &str, of: impl Fn(&Sample) -> Vec<f32>) {
        let found = self.samples().iter().flat_map(of).collect();
        self.check(name, found);
    }
}

/// A step of the file's samples by one of the kernels.
struct Step<'a> {
    spec: &'a DiffusionSpec,
    kind: ReverseStep,
    coefficients: StepCoefficients,
    shape: [u32; 3],
}

impl Step<'_> {
    fn run(&self, sample: &Sample, noise: &[f64], gradient: Option<&[f64]>) -> Stepped {
        let learned = self.spec.variance_type == VarianceType::LearnedRange;
        let outputs = sample.x_t.len() * if learned { 2 } else { 1 };
        OneStep {
            spec: self.spec,
            kind: self.kind,
            coefficients: self.coefficients,
            shape: self.shape,
            x_t: &sample.x_t,
            model_output: &sample.model_output[..outputs],
            noise,
            gradient,
        }
        .run()
    }

    fn with_noise(&self, sample: &Sample) -> Stepped {
        self.run(sample, &sample.noise, None)
    }

    fn without_noise(&self, sample: &Sample) -> Stepped {
        self.run(sample, &vec![0.0; sample.x_t.len()], None)
    }

    /// ln σ²: the logarithm of what a gradient of ones adds to a step that is nothing else.
    fn log_variance(&self, sample: &Sample) -> Vec<f32> {
        let (x_start_coef, x_t_coef, output_coef) = (0.0, 0.0, 0.0);
        let coefficients = StepCoefficients { x_start_coef, x_t_coef, output_coef, ..self.coefficients };
        let n = sample.x_t.len();
        let variance = Step { coefficients, ..*self }.run(sample, &vec![0.0; n], Some(&vec![1.0; n])).x_prev;
        variance.iter().map(|variance| variance.ln()).collect()
    }
}

fn spec(prediction_type: PredictionType, variance_type: VarianceType, clip_sample: bool) -> DiffusionSpec {
    DiffusionSpec { prediction_type, variance_type, clip_sample, ..DiffusionSpec::default() }
}

/// The coefficients of each t: `[t]`.
fn by_t(mut steps: Vec<StepCoefficients>) -> Vec<StepCoefficients> {
    steps.reverse();
    steps
}

fn ddpm_by_t(spec: &DiffusionSpec) -> Vec<StepCoefficients> {
    by_t(ddpm_steps(spec, spec.num_timesteps).expect("a full chain"))
}

fn ddim_by_t(spec: &DiffusionSpec, eta: f64) -> Vec<StepCoefficients> {
    by_t(ddim_steps(spec, spec.num_timesteps, eta).expect("a full chain"))
}

#[test]
fn one_step_on_the_gpu_follows_the_reference() {
    let mut known = Known::load();
    let shape = known.shape;
    forward(&mut known);
    posterior(&mut known);

    for (prediction, prediction_type) in PREDICTIONS {
        for (variance, variance_type) in VARIANCES {
            for clip in [false, true] {
                let spec = spec(prediction_type, variance_type, clip);
                let steps = ddpm_by_t(&spec);
                let step = |sample: &Sample| Step {
                    spec: &spec,
                    kind: ReverseStep::Ancestral,
                    coefficients: steps[sample.t as usize],
                    shape,
                };
                let name = format!("p.{prediction}.{variance}.clip{}", u8::from(clip));
                known.check_each(&format!("{name}.mean"), |s| step(s).without_noise(s).x_prev);
                known.check_each(&format!("{name}.pred_xstart"), |s| step(s).without_noise(s).pred_x_start);
                known.check_each(&format!("{name}.log_variance"), |s| step(s).log_variance(s));
                if clip {
                    let name = format!("p_sample.{prediction}.{variance}");
                    known.check_each(&name, |s| step(s).with_noise(s).x_prev);
                }
            }
        }
        let spec = spec(prediction_type, VarianceType::FixedLarge, true);
        let ddim = |coefficients| Step { spec: &spec, kind: DDIM, coefficients, shape };
        for eta in [0.0, 0.5, 1.0] {
            let steps = ddim_by_t(&spec, eta);
            let name = format!("ddim.{prediction}.eta{eta:.1}");
            known.check_each(&name, |s| ddim(steps[s.t as usize]).with_noise(s).x_prev);
        }
        let schedule = Schedule::new(&spec).expect("the paper's");
        known.check_each(&format!("ddim_reverse.{prediction}"), |s| {
            let next = schedule.alphas_cumprod_next[s.t as usize];
            ddim(ddim_reverse_step(&spec, s.t, next).expect("a step")).with_noise(s).x_prev
        });
    }
    classifier(&mut known);

    let inputs = ["timestep", "x_start", "noise", "sample_noise", "model_output", "prior_bpd"];
    for name in known.fixture.names() {
        let a_number = name.starts_with("loss.") || name.starts_with("bpd.");
        let expected = a_number || inputs.contains(&name.as_str()) || known.compared.contains(&name);
        assert!(expected, "{name}: a picture that nothing was compared with");
    }
    println!("{} tensors on {}", known.compared.len(), gpu().adapter().name);
}

/// `x_t` and `q.*`, by the kernel of training: a draw, one without noise, and one of nothing with noise of ones.
fn forward(known: &mut Known) {
    let [x_start, noise] = ["x_start", "noise"].map(|name| known.fixture.f64(name).data);
    let [zeros, ones] = [0.0, 1.0].map(|value| vec![value; x_start.len()]);
    let draw = |x_start: &[f64], noise: &[f64]| draw(known, x_start, noise);
    let (x_t, mean, deviation) = (draw(&x_start, &noise), draw(&x_start, &zeros), draw(&zeros, &ones));
    known.check("x_t", x_t);
    known.check("q.mean", mean);
    known.check("q.log_variance", deviation.iter().map(|deviation| 2.0 * deviation.ln()).collect());
}

fn draw(known: &Known, x_start: &[f64], noise: &[f64]) -> Vec<f32> {
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("the paper's");
    let scales = schedule.sqrt_alphas_cumprod.iter().zip(&schedule.sqrt_one_minus_alphas_cumprod);
    let coefficients: Vec<[f32; 2]> = scales.map(|(signal, noise)| [*signal as f32, *noise as f32]).collect();
    let [channels, height, width] = known.shape;
    let tensor = tensor(channels, known.shape);
    let samples = known.timesteps.len() as u32;
    let params = QSample {
        elements: channels * height * width,
        plane: height * width,
        channels,
        stride: tensor.quads() * 4,
        samples,
        sample_step: 1,
        ..QSample::default()
    };
    let buffers = [
        gpu().buffer_with("chain", &[Chain::new(0, 0, 0)]).expect("memory"),
        upload(&tensor, x_start),
        gpu().buffer_with("timesteps", &known.timesteps).expect("memory"),
        gpu().buffer_with("coefficients", &coefficients).expect("memory"),
        upload(&tensor, x_start),
        upload(&tensor, x_start),
        gpu().buffer_with("noise", &narrow(noise)).expect("memory"),
    ];
    let args = buffers.each_ref().map(Into::into);
    let mut recorder = Recorder::new(gpu());
    let key = KernelKey::new(with_given_noise(&Q_SAMPLE), "q_sample");
    recorder.dispatch("q_sample", key, &params, &args, [1, samples, 1]).expect("recorded");
    recorder.finish().submit(gpu());
    read(&tensor, &buffers[4])
}

/// `posterior.*`: a step of a network that knows x_0, with σ² = β̃.
fn posterior(known: &mut Known) {
    let spec = spec(PredictionType::Sample, VarianceType::FixedSmall, false);
    let (steps, shape) = (ddpm_by_t(&spec), known.shape);
    let step = |sample: &Sample| Step {
        spec: &spec,
        kind: ReverseStep::Ancestral,
        coefficients: steps[sample.t as usize],
        shape,
    };
    let knowing = |s: &Sample| Sample {
        t: s.t,
        x_start: s.x_start.clone(),
        x_t: s.x_t.clone(),
        noise: s.noise.clone(),
        model_output: s.x_start.clone(),
    };
    known.check_each("posterior.mean", |s| step(s).without_noise(&knowing(s)).x_prev);
    known.check_each("posterior.variance", |s| {
        let zeros = vec![0.0; s.x_t.len()];
        let nothing = Sample { x_t: zeros.clone(), model_output: zeros, ..knowing(s) };
        let deviation = step(s).run(&nothing, &vec![1.0; s.x_t.len()], None).x_prev;
        deviation.iter().map(|deviation| deviation * deviation).collect()
    });
    known.check_each("posterior.log_variance_clipped", |s| step(s).log_variance(&knowing(s)));
}

/// `guided.*`, whose classifier's gradient is −x_t.
fn classifier(known: &mut Known) {
    let spec = spec(PredictionType::Epsilon, VarianceType::FixedLarge, true);
    let gradient = |s: &Sample| s.x_t.iter().map(|x| -x).collect::<Vec<f64>>();
    let shape = known.shape;
    for (name, kind, steps) in [
        ("guided.p_sample", ReverseStep::Ancestral, ddpm_by_t(&spec)),
        ("guided.ddim", DDIM, ddim_by_t(&spec, 0.0)),
    ] {
        known.check_each(name, |s| {
            let step = Step { spec: &spec, kind, coefficients: steps[s.t as usize], shape };
            step.run(s, &s.noise, Some(&gradient(s))).x_prev
        });
    }
}
