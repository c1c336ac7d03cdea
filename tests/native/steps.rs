//! The kernels of a reverse step, of x_T and of the forward process, against the host's f64.

use ddpm::diffusion::{self, PredNoise};
use ddpm::gpu::{Buffer, GpuContext, Recorder};
use ddpm::graph::Tensor;
use ddpm::ops::chain::{Chain, Picture, StepCoefficients};
use ddpm::ops::p_sample::{self, ReverseStep, StepBuffers};
use ddpm::ops::q_sample::{self, ForwardBuffers};
use ddpm::ops::{advance, normals, to_channels_first, to_channels_last};
use ddpm::rng::{Stream, fill_normals};
use ddpm::schedule::{self, Schedule};
use ddpm::spec::{DiffusionSpec, PredictionType, VarianceType};

use super::compare::{assert_fails, assert_max_abs};
use super::gpu::{block_on, devices, name};
use super::reference::random::normals as random;

const SEED: u64 = 0x1234_5678_9abc_def0;
const SAMPLES: u32 = 3;
const FIRST_SAMPLE: u32 = 11;

/// C, H, W with a number of elements that four does not divide, and more than one channel.
const SHAPES: [[u32; 3]; 3] = [[3, 5, 7], [1, 4, 4], [5, 2, 3]];

fn tensor(channels: u32, height: u32, width: u32) -> Tensor {
    Tensor { name: "x".into(), height, width, segments: vec![channels] }
}

fn picture(tensor: &Tensor, copies: u32) -> Picture {
    Picture {
        plane: tensor.pixels(),
        channels: tensor.channels(),
        stride: tensor.quads() * 4,
        samples: SAMPLES,
        copies,
        shared_noise: false,
    }
}

fn upload(gpu: &GpuContext, tensor: &Tensor, values: &[f32]) -> Buffer {
    gpu.buffer_with("values", &to_channels_last(tensor, values)).expect("memory")
}

fn read(gpu: &GpuContext, tensor: &Tensor, buffer: &Buffer) -> Vec<f32> {
    to_channels_first(tensor, &block_on(gpu.read(buffer)).expect("values"))
}

fn host_noise(stream: Stream, t: u32, sample: u32, elements: usize) -> Vec<f64> {
    let mut noise = vec![0.0; elements];
    fill_normals(SEED, stream, t, sample, &mut noise);
    noise
}

struct Case {
    spec: DiffusionSpec,
    shape: [u32; 3],
    step: ReverseStep,
    guidance: Option<f32>,
}

impl Case {
    fn check(&self, gpu: &GpuContext, step_ix: usize) {
        let [c, h, w] = self.shape;
        let learned = self.spec.variance_type.is_learned();
        let (x_tensor, out_tensor) = (tensor(c, h, w), tensor(if learned { 2 * c } else { c }, h, w));
        let copies = if self.guidance.is_some() { 2 } else { 1 };
        let picture = picture(&x_tensor, copies);
        let (elements, out_elements) =
            (picture.elements() as usize, (out_tensor.channels() * h * w) as usize);
        let x = random(1, elements * SAMPLES as usize, 0.0, 1.0);
        let output = random(2, out_elements * (SAMPLES * copies) as usize, 0.0, 0.7);
        let steps = match self.step {
            ReverseStep::Ancestral => schedule::ddpm_steps(&self.spec, 20),
            ReverseStep::Ddim(_) => schedule::ddim_steps(&self.spec, 20, 0.6),
        };
        let steps = steps.expect("steps");
        let coefficients: Vec<StepCoefficients> = steps.iter().map(StepCoefficients::from).collect();

        let twice: Vec<f32> = (0..copies).flat_map(|_| x.iter().copied()).collect();
        let x_buffer = upload(gpu, &x_tensor, &twice);
        let chain = Chain::new(step_ix as u32, SEED, FIRST_SAMPLE);
        let chain = gpu.buffer_with("chain", &[chain]).expect("memory");
        let steps_buffer = gpu.buffer_with("steps", &coefficients).expect("memory");
        let model_output = upload(gpu, &out_tensor, &output);
        let [pred_x_start, pred_noise] =
            [(); 2].map(|()| gpu.buffer("pred", x_buffer.bytes() / 4).expect("memory"));
        let buffers = StepBuffers {
            chain: &chain,
            steps: &steps_buffer,
            model_output: &model_output,
            output_stride: out_tensor.quads() * 4,
            x: &x_buffer,
            pred_x_start: &pred_x_start,
            pred_noise: &pred_noise,
        };
        let mut recorder = Recorder::new(gpu);
        p_sample::record(&mut recorder, &picture, &self.spec, self.step, self.guidance, &buffers)
            .expect("recorded");
        recorder.finish().submit(gpu);
        let got = read(gpu, &x_tensor, &x_buffer);
        let got_start = read(gpu, &x_tensor, &pred_x_start);

        let step = &steps[step_ix];
        let name =
            format!("{}: {:?}, t {}, {:?}, {:?}", name(gpu), self.step, step.t, self.shape, self.guidance);
        let (mut want, mut want_start) = (Vec::new(), Vec::new());
        for n in 0..SAMPLES as usize {
            let rows = |first: usize| -> Vec<f64> {
                output[(first + n) * out_elements..][..out_elements].iter().map(|&v| v.into()).collect()
            };
            let output = match self.guidance {
                None => rows(0),
                Some(w) => {
                    let (null, label) = (rows(SAMPLES as usize), rows(0));
                    let mean = diffusion::guided_noise(&null[..elements], &label[..elements], w.into());
                    // The variance is the label's.
                    [mean, label[elements..].to_vec()].concat()
                }
            };
            let x: Vec<f64> = x[n * elements..][..elements].iter().map(|&v| v.into()).collect();
            let z = host_noise(Stream::ReverseNoise, step.t, FIRST_SAMPLE + n as u32, elements);
            let done = match self.step {
                ReverseStep::Ancestral => diffusion::p_sample(&self.spec, step, &x, &output, &z),
                ReverseStep::Ddim(kept) => diffusion::ddim_step(&self.spec, step, &x, &output, kept, &z),
            };
            want.extend(done.x_prev);
            want_start.extend(done.pred_x_start);
        }
        let both: Vec<f64> = (0..copies).flat_map(|_| want.iter().copied()).collect();
        // ε̂ from a mean is the difference of numbers that grow with 1/β.
        let previous_x = self.spec.prediction_type == PredictionType::PreviousX;
        let tolerance = if previous_x { 4e-5 } else { 1e-5 };
        assert_max_abs(&name, &got, &both, tolerance);
        // x̂_0 may divide by √ᾱ or the like: what rounding leaves grows with it.
        let scale = step.x_start_of_x_t.abs().max(1.0);
        assert_max_abs(&name, &got_start[..want_start.len()], &want_start, 3e-6 * scale);
        let wrong: Vec<f64> = both.iter().map(|v| v + 2.0 * tolerance).collect();
        assert_fails("a wrong answer", || assert_max_abs(&name, &got, &wrong, tolerance));
    }
}

#[test]
fn reverse_steps_are_the_hosts() {
    let predictions =
        [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V];
    let variances = [
        VarianceType::FixedSmall,
        VarianceType::FixedLarge,
        VarianceType::Learned,
        VarianceType::LearnedRange,
    ];
    let kinds = [
        ReverseStep::Ancestral,
        ReverseStep::Ddim(PredNoise::FromClippedXStart),
        ReverseStep::Ddim(PredNoise::FromNetwork),
    ];
    for prediction_type in predictions {
        for variance_type in variances {
            for (step, shape) in kinds.into_iter().zip(SHAPES) {
                let spec = DiffusionSpec { prediction_type, variance_type, ..DiffusionSpec::default() };
                for gpu in devices() {
                    for step_ix in [0, 10, 19] {
                        Case { spec: spec.clone(), shape, step, guidance: None }.check(gpu, step_ix);
                    }
                    Case { spec: spec.clone(), shape, step, guidance: Some(2.5) }.check(gpu, 7);
                }
            }
        }
    }
}

#[test]
fn x_t_is_the_hosts_noise_in_every_layout() {
    for gpu in devices() {
        for [c, h, w] in SHAPES {
            for copies in [1, 2] {
                let tensor = tensor(c, h, w);
                let picture = picture(&tensor, copies);
                let stale = vec![9.0; (SAMPLES * copies * picture.elements()) as usize];
                let x = upload(gpu, &tensor, &stale);
                let chain = gpu.buffer_with("chain", &[Chain::new(0, SEED, FIRST_SAMPLE)]).expect("memory");
                let mut recorder = Recorder::new(gpu);
                normals::record(&mut recorder, &picture, Stream::InitialNoise, 999, &chain, &x)
                    .expect("recorded");
                recorder.finish().submit(gpu);
                let once = (0..SAMPLES).flat_map(|n| {
                    host_noise(Stream::InitialNoise, 999, FIRST_SAMPLE + n, picture.elements() as usize)
                });
                let once: Vec<f64> = once.collect();
                let want: Vec<f64> = (0..copies).flat_map(|_| once.iter().copied()).collect();
                assert_max_abs(&format!("x_T of {c} x {h} x {w}"), &read(gpu, &tensor, &x), &want, 1.5e-6);
            }
        }
    }
}

#[test]
fn the_forward_process_is_the_hosts() {
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("a schedule");
    let coefficients = schedule.forward_coefficients();
    for gpu in devices() {
        for [c, h, w] in SHAPES {
            let tensor = tensor(c, h, w);
            let picture = picture(&tensor, 1);
            let elements = picture.elements() as usize;
            let x_start = random(3, elements * SAMPLES as usize, 0.0, 0.5);
            let timesteps = [0u32, 500, 999];
            let buffers = [
                gpu.buffer_with("chain", &[Chain::new(0, SEED, FIRST_SAMPLE)]).expect("memory"),
                upload(gpu, &tensor, &x_start),
                gpu.buffer_with("timesteps", &timesteps).expect("memory"),
                gpu.buffer_with("coefficients", &coefficients).expect("memory"),
                upload(gpu, &tensor, &x_start),
                upload(gpu, &tensor, &x_start),
            ];
            let [chain, start, t, table, x_t, noise] = &buffers;
            let mut recorder = Recorder::new(gpu);
            let forward =
                ForwardBuffers { chain, x_start: start, timesteps: t, coefficients: table, x_t, noise };
            q_sample::record(&mut recorder, &picture, &forward).expect("recorded");
            recorder.finish().submit(gpu);
            let (mut want, mut want_noise) = (Vec::new(), Vec::new());
            for n in 0..SAMPLES as usize {
                let drawn = host_noise(Stream::ForwardNoise, timesteps[n], FIRST_SAMPLE + n as u32, elements);
                let start: Vec<f64> = x_start[n * elements..][..elements].iter().map(|&v| v.into()).collect();
                want.extend(diffusion::q_sample(&schedule, &start, timesteps[n], &drawn));
                want_noise.extend(drawn);
            }
            assert_max_abs(&format!("x_t of {c} x {h} x {w}"), &read(gpu, &tensor, x_t), &want, 2e-6);
            assert_max_abs("its noise", &read(gpu, &tensor, noise), &want_noise, 1.5e-6);
        }
    }
}

#[test]
fn advance_counts_on_and_tells_the_network() {
    let steps = schedule::ddpm_steps(&DiffusionSpec::default(), 4).expect("steps");
    let coefficients: Vec<StepCoefficients> = steps.iter().map(StepCoefficients::from).collect();
    for gpu in devices() {
        let chain = gpu.buffer_with("chain", &[Chain::new(0, 1, 0)]).expect("memory");
        let steps_buffer = gpu.buffer_with("steps", &coefficients).expect("memory");
        let timesteps = gpu.buffer("timesteps", 6).expect("memory");
        let mut recorder = Recorder::new(gpu);
        advance::record(&mut recorder, 4, 6, &steps_buffer, &chain, &timesteps).expect("recorded");
        let plan = recorder.finish();
        for done in 1..=4 {
            plan.submit(gpu);
            let now: Vec<u32> = block_on(gpu.read(&chain)).expect("chain");
            let t: Vec<u32> = block_on(gpu.read(&timesteps)).expect("timesteps");
            assert_eq!(now[0], done);
            assert_eq!(t, [steps.get(done as usize).map_or(0, |step| step.t); 6]);
        }
    }
}
