//! The kernel against the host's f64 and against the reference code's whole bounds.

use ddpm::diffusion;
use ddpm::diffusion::bound::{BoundTerm, bound_term};
use ddpm::gpu::{Buffer, GpuContext, Recorder};
use ddpm::graph::Tensor;
use ddpm::ops::bound::{self, BoundBuffers};
use ddpm::ops::chain::{Chain, Picture, StepCoefficients};
use ddpm::ops::to_channels_last;
use ddpm::schedule::{self, Schedule};
use ddpm::spec::{DiffusionSpec, PredictionType, VarianceType};

use crate::compare::{assert_close, assert_fails};
use crate::diffusion::bound::short_process;
use crate::diffusion::toy_model;
use crate::fixtures::Fixture;
use crate::gpu::{block_on, devices, name as device_name};
use crate::reference::random::normals as random;

/// Absolute and relative, of f32.
const TOLERANCE: f64 = 1e-4;

fn tensor([channels, height, width]: [u32; 3], outputs: u32) -> Tensor {
    Tensor { name: "x".into(), height, width, segments: vec![channels * outputs] }
}

/// A batch for the kernel: pictures of `shape` at t of their own, in f32 as the GPU gets them.
struct Batch {
    spec: DiffusionSpec,
    shape: [u32; 3],
    timesteps: Vec<u32>,
    x_start: Vec<f32>,
    x_t: Vec<f32>,
    noise: Vec<f32>,
    output: Vec<f32>,
}

impl Batch {
    /// Noises `x_start`, and asks `model(x_t, t)` for the output.
    fn new(
        spec: &DiffusionSpec,
        shape: [u32; 3],
        timesteps: &[u32],
        [x_start, noise]: [Vec<f32>; 2],
        model: impl Fn(&[f64], u32) -> Vec<f64>,
    ) -> Self {
        let schedule = Schedule::new(spec).expect("a schedule");
        let n = x_start.len() / timesteps.len();
        let (mut x_t, mut output) = (Vec::new(), Vec::new());
        for (i, &t) in timesteps.iter().enumerate() {
            let row = |values: &[f32]| values[i * n..][..n].iter().map(|&v| v.into()).collect::<Vec<f64>>();
            let noised = diffusion::q_sample(&schedule, &row(&x_start), t, &row(&noise));
            output.extend(model(&noised, t).iter().map(|&v| v as f32));
            x_t.extend(noised.iter().map(|&v| v as f32));
        }
        Self { spec: spec.clone(), shape, timesteps: timesteps.to_vec(), x_start, x_t, noise, output }
    }

    fn samples(&self) -> usize {
        self.timesteps.len()
    }

    fn outputs(&self) -> u32 {
        if self.spec.variance_type.is_learned() { 2 } else { 1 }
    }

    /// In slot 1 of 3, the others untouched.
    fn on_the_gpu(&self, gpu: &GpuContext) -> Vec<[f64; 3]> {
        let (x_tensor, out_tensor) = (tensor(self.shape, 1), tensor(self.shape, self.outputs()));
        let samples = self.samples() as u32;
        let upload = |tensor: &Tensor, values: &[f32]| -> Buffer {
            gpu.buffer_with("values", &to_channels_last(tensor, values)).expect("memory")
        };
        let steps = schedule::ddpm_steps(&self.spec, self.spec.num_timesteps).expect("a full chain");
        let steps: Vec<StepCoefficients> = steps.iter().map(StepCoefficients::from).collect();
        let terms = gpu.buffer_with("terms", &vec![[7.0f32; 4]; 3 * self.samples()]).expect("memory");
        let buffers = BoundBuffers {
            chain: &gpu.buffer_with("chain", &[Chain::new(1, 0, 0)]).expect("memory"),
            steps: &gpu.buffer_with("steps", &steps).expect("memory"),
            timesteps: &gpu.buffer_with("timesteps", &self.timesteps).expect("memory"),
            x_start: &upload(&x_tensor, &self.x_start),
            x_t: &upload(&x_tensor, &self.x_t),
            noise: &upload(&x_tensor, &self.noise),
            model_output: &upload(&out_tensor, &self.output),
            output_stride: out_tensor.quads() * 4,
            terms: &terms,
        };
        let picture = Picture {
            plane: x_tensor.pixels(),
            channels: x_tensor.channels(),
            stride: x_tensor.quads() * 4,
            samples,
            copies: 1,
            shared_noise: false,
        };
        let mut recorder = Recorder::new(gpu);
        bound::record(&mut recorder, &picture, &self.spec, &buffers).expect("recorded");
        recorder.finish().submit(gpu);
        let found: Vec<[f32; 4]> = block_on(gpu.read(&terms)).expect("terms");
        let (before, rest) = found.split_at(self.samples());
        let (found, after) = rest.split_at(self.samples());
        assert!(before.iter().chain(after).all(|term| *term == [7.0; 4]), "another slot was written");
        found.iter().map(|term| [term[0].into(), term[1].into(), term[2].into()]).collect()
    }

    /// The same numbers in f64.
    fn on_the_host(&self) -> Vec<[f64; 3]> {
        let schedule = Schedule::new(&self.spec).expect("a schedule");
        let steps = schedule::ddpm_steps(&self.spec, self.spec.num_timesteps).expect("a full chain");
        let n = self.x_start.len() / self.samples();
        let row = |values: &[f32], i: usize, n: usize| -> Vec<f64> {
            values[i * n..][..n].iter().map(|&v| v.into()).collect()
        };
        let of = |(i, &t): (usize, &u32)| {
            let step = &steps[(self.spec.num_timesteps - 1 - t) as usize];
            let [x_start, x_t, noise] =
                [&self.x_start, &self.x_t, &self.noise].map(|values| row(values, i, n));
            let output = row(&self.output, i, n * self.outputs() as usize);
            let BoundTerm { vb, xstart_mse, mse } =
                bound_term(&self.spec, &schedule, step, [&x_start, &x_t, &noise], &output);
            [vb, xstart_mse, mse]
        };
        self.timesteps.iter().enumerate().map(of).collect()
    }

    fn check(&self, name: &str) {
        let want = self.on_the_host();
        for gpu in devices() {
            let found = self.on_the_gpu(gpu);
            for (part, what) in ["vb", "xstart_mse", "mse"].into_iter().enumerate() {
                let [mut found, want] =
                    [&found, &want].map(|terms| terms.iter().map(|term| term[part]).collect::<Vec<f64>>());
                let name = format!("{}: {name}, {what}", device_name(gpu));
                assert_close(&name, &found, &want, TOLERANCE);
                found[0] += 3.0 * TOLERANCE * (1.0 + want[0].abs());
                assert_fails(&name, || assert_close("spoilt", &found, &want, TOLERANCE));
            }
        }
    }
}

/// Levels of a picture, both ends among them.
fn levels(seed: u64, count: usize) -> Vec<f32> {
    let level = |x: f32| ((x * 100.0 + 127.5).round().clamp(0.0, 255.0)) / 127.5 - 1.0;
    random(seed, count, 0.0, 1.0).into_iter().map(level).collect()
}

#[test]
fn terms_are_the_hosts_in_every_mode() {
    let predictions =
        [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V];
    let variances = [
        VarianceType::FixedSmall,
        VarianceType::FixedLarge,
        VarianceType::Learned,
        VarianceType::LearnedRange,
    ];
    // Sizes that neither 4 nor 64 divides, and one larger than a workgroup.
    let shapes = [[3, 5, 7], [1, 9, 9], [2, 3, 1]];
    let timesteps = [0, 1, 17, 500, 999];
    for prediction_type in predictions {
        for (ix, variance_type) in variances.into_iter().enumerate() {
            for clip_sample in [false, true] {
                let spec =
                    DiffusionSpec { prediction_type, variance_type, clip_sample, ..DiffusionSpec::default() };
                let shape = shapes[ix % 3];
                let n = shape.iter().product::<u32>() as usize;
                let schedule = Schedule::new(&spec).expect("a schedule");
                let count = n * timesteps.len();
                let (x_start, noise) = (levels(1, count), random(2, count, 0.0, 1.0));
                let (starts, noises) = (x_start.clone(), noise.clone());
                let model = |x_t: &[f64], t: u32| {
                    let i = timesteps.iter().position(|&other| other == t).expect("one of them");
                    let row = |values: &[f32]| -> Vec<f64> {
                        values[i * n..][..n].iter().map(|&v| v.into()).collect()
                    };
                    right_output(&spec, &schedule, [&row(&starts), x_t, &row(&noises)], t)
                };
                let batch = Batch::new(&spec, shape, &timesteps, [x_start, noise], model);
                batch.check(&format!("{prediction_type:?}, {variance_type:?}, clip {clip_sample}"));
            }
        }
    }
}

/// What a network that is a few per cent off would say, its log-variance a little off the posterior's.
fn right_output(
    spec: &DiffusionSpec,
    schedule: &Schedule,
    [x_start, x_t, noise]: [&[f64]; 3],
    t: u32,
) -> Vec<f64> {
    let ix = t as usize;
    let (signal, rest) = (schedule.sqrt_alphas_cumprod[ix], schedule.sqrt_one_minus_alphas_cumprod[ix]);
    let posterior = diffusion::q_posterior(schedule, x_start, x_t, t);
    let deviation = posterior.log_variance.exp().sqrt();
    let wobble = |i: usize| (1.7 * i as f64 + f64::from(t)).sin();
    let mean = (0..x_t.len()).map(|i| match spec.prediction_type {
        PredictionType::Epsilon => noise[i] + 0.1 * wobble(i),
        PredictionType::Sample => x_start[i] + 0.1 * rest * wobble(i),
        PredictionType::PreviousX => posterior.mean[i] + 0.3 * deviation * wobble(i),
        PredictionType::V => signal * noise[i] - rest * x_start[i] + 0.1 * wobble(i),
    });
    let variance = (0..x_t.len()).map(|i| match spec.variance_type {
        VarianceType::Learned => posterior.log_variance + 0.2 * wobble(i + 1),
        _ => 0.8 * wobble(i + 1),
    });
    let is_learned = spec.variance_type.is_learned();
    mean.chain(variance.take(if is_learned { x_t.len() } else { 0 })).collect()
}

/// bpd.* of gaussian_diffusion.safetensors, all but what is the host's (the prior) on the GPU.
#[test]
fn the_whole_bound_on_the_gpu_follows_the_reference() {
    let fixture = Fixture::load("diffusion/gaussian_diffusion.safetensors");
    let (x_start, noise) = (fixture.f32("x_start"), fixture.f32("bpd.noise"));
    let shape = [1, 2, 3].map(|side| x_start.shape[side] as u32);
    let pictures = x_start.shape[0];
    for (name, variance_type) in
        [("fixed_large", VarianceType::FixedLarge), ("fixed_small", VarianceType::FixedSmall)]
    {
        for gpu in devices() {
            let spec = short_process(variance_type);
            let columns = spec.num_timesteps as usize;
            let mut parts = [(); 3].map(|()| vec![0.0; pictures * columns]);
            let mut total = fixture.f64(&format!("bpd.{name}.prior_bpd")).data;
            for (column, t) in (0..spec.num_timesteps).rev().enumerate() {
                let noise = noise.row(t as usize).to_vec();
                let inputs = [x_start.data.clone(), noise];
                let terms = Batch::new(&spec, shape, &vec![t; pictures], inputs, toy_model).on_the_gpu(gpu);
                for (i, term) in terms.iter().enumerate() {
                    (0..3).for_each(|part| parts[part][i * columns + column] = term[part]);
                    total[i] += term[0];
                }
            }
            let [vb, xstart_mse, mse] = parts;
            for (part, found) in [("vb", vb), ("xstart_mse", xstart_mse), ("mse", mse), ("total_bpd", total)]
            {
                let name = format!("bpd.{name}.{part}");
                let mut found = found;
                let want = fixture.f64(&name).data;
                assert_close(&format!("{name} on {}", device_name(gpu)), &found, &want, TOLERANCE);
                found[1] += 3.0 * TOLERANCE * (1.0 + want[1].abs());
                assert_fails(&name, || assert_close("spoilt", &found, &want, TOLERANCE));
            }
        }
    }
}

/// Where the variance is so small or so large that powers of it overflow, a term is still a number.
#[test]
fn extreme_variances_give_numbers() {
    let spec = DiffusionSpec { variance_type: VarianceType::Learned, ..DiffusionSpec::default() };
    let shape = [1, 2, 2];
    for log_variance in [-170.0, -60.0, 20.0] {
        let model = |x_t: &[f64], _: u32| [vec![0.3; x_t.len()], vec![log_variance; x_t.len()]].concat();
        let batch = Batch::new(&spec, shape, &[0, 0], [levels(3, 8), random(4, 8, 0.0, 1.0)], model);
        batch.check(&format!("the decoder at e^{log_variance}"));
    }
}
