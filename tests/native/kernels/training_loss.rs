//! training_loss and mean_loss against their twin: every mode, t = 0 among the timesteps.

use ddpm::gpu::{GpuContext, Recorder};
use ddpm::graph::Tensor;
use ddpm::ops::chain::Chain;
use ddpm::ops::training_loss::{self, LossBuffers};
use ddpm::ops::{to_channels_first, to_channels_last};
use ddpm::spec::{DiffusionSpec, LossType, PredictionType, VarianceType};

use super::TOLERANCE;
use crate::compare::{assert_close, assert_fails, assert_relative_l2};
use crate::gpu::{block_on, devices, name as device_name};
use crate::reference::random::normals;
use crate::reference::training_loss::Loss;

pub const ALL_PREDICTIONS: [PredictionType; 4] =
    [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V];
pub const ALL_VARIANCES: [VarianceType; 4] =
    [VarianceType::FixedSmall, VarianceType::FixedLarge, VarianceType::Learned, VarianceType::LearnedRange];
pub const ALL_LOSSES: [LossType; 4] =
    [LossType::Mse, LossType::RescaledMse, LossType::Kl, LossType::RescaledKl];

/// An output of one picture whose mean is about a standard deviation off, and whose variance about the posterior's.
pub fn outputs_near(loss: &Loss, t: u32, x_start: &[f64], noise: &[f64], seed: u64) -> Vec<f64> {
    let (n, step) = (x_start.len(), &loss.steps[t as usize]);
    let draws = |seed: u64| normals(seed, n, 0.0, 1.0).into_iter().map(f64::from);
    let x_t = ddpm::diffusion::q_sample(&loss.schedule, x_start, t, noise);
    let target =
        ddpm::diffusion::loss::training_target(&loss.spec, &loss.schedule, t, [x_start, &x_t, noise]);
    let log_variance = loss.schedule.posterior_log_variance_clipped[t as usize];
    let mean_of_output = step.x_start_coef * step.x_start_of_output + step.output_coef;
    let error = ((0.5 * log_variance).exp() / mean_of_output.abs()).min(2.0);
    let mut output: Vec<f64> = target.iter().zip(draws(seed)).map(|(target, z)| target + error * z).collect();
    match loss.spec.variance_type {
        VarianceType::FixedSmall | VarianceType::FixedLarge => {}
        VarianceType::Learned => output.extend(draws(seed + 1).map(|z| log_variance + 0.5 * z)),
        VarianceType::LearnedRange => output.extend(draws(seed + 1)),
    }
    output
}

/// What the GPU says of a batch.
pub struct Found {
    /// Squared error and bound of each sample.
    pub sample_losses: Vec<[f32; 2]>,
    /// Of the batch.
    pub loss: f32,
    /// [N, C or 2·C, H, W].
    pub d_output: Vec<f32>,
}

/// The kernels on a batch of pictures of `shape` (C, H, W); x_start, noise: [N, C, H, W].
pub fn on_gpu(
    gpu: &GpuContext,
    (spec, loss, min_snr_gamma): (&DiffusionSpec, LossType, Option<f64>),
    [channels, height, width]: [u32; 3],
    timesteps: &[u32],
    [x_start, noise, output]: [&[f32]; 3],
) -> Found {
    let tensor = |channels: u32| Tensor { name: "x".into(), height, width, segments: vec![channels] };
    let (input, out) = (tensor(channels), tensor(spec.outputs(channels)));
    let samples = timesteps.len() as u32;
    let upload = |tensor: &Tensor, values: &[f32]| {
        gpu.buffer_with("values", &to_channels_last(tensor, values)).expect("memory")
    };
    let output = upload(&out, output);
    let elements = output.bytes() / 4;
    let stale = vec![7.0f32; elements as usize];
    let d_output = gpu.buffer_with("d_output", &stale).expect("memory");
    let sample_losses = gpu.buffer("sample losses", 2 * u64::from(samples)).expect("memory");
    // The second of four slots, which holds 0.25 already.
    let losses = gpu.buffer_with("losses", &[0.5f32, 0.25, 0.5, 0.5]).expect("memory");
    let chain = gpu.buffer_with("chain", &[Chain::new(5, 1, 0)]).expect("memory");
    let buffers = LossBuffers {
        chain: &chain,
        output: &output,
        x_start: &upload(&input, x_start),
        noise: &upload(&input, noise),
        timesteps: &gpu.buffer_with("timesteps", timesteps).expect("memory"),
        d_output: &d_output,
        sample_losses: &sample_losses,
        losses: &losses,
    };
    let loss = training_loss::Loss::new(gpu, spec, loss, min_snr_gamma).expect("a loss");
    let mut rec = Recorder::new(gpu);
    training_loss::record(&mut rec, gpu, &loss, [samples, samples], [&out, &input], &buffers)
        .expect("recorded");
    rec.finish().submit(gpu);
    let losses: Vec<f32> = block_on(gpu.read(&losses)).expect("losses");
    assert_eq!([losses[0], losses[2], losses[3]], [0.5; 3], "other slots");
    let d_output: Vec<f32> = block_on(gpu.read(&d_output)).expect("a gradient");
    let gradient = to_channels_first(&out, &d_output);
    let mut pixels = d_output.chunks_exact(out.quads() as usize * 4);
    assert!(pixels.all(|pixel| pixel[out.channels() as usize..].iter().all(|&d| d == 0.0)), "padding");
    Found {
        sample_losses: block_on(gpu.read(&sample_losses)).expect("losses of samples"),
        loss: losses[1] - 0.25,
        d_output: gradient,
    }
}

/// A batch with a known answer.
fn check(spec: &DiffusionSpec, loss: LossType, gamma: Option<f64>, shape: [u32; 3]) {
    let twin = Loss::new(spec, loss, gamma);
    let timesteps = [300, 0, 999, 1, 0];
    let n = shape.iter().product::<u32>() as usize;
    let f32s = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    let f64s = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    // Some of the first and the last level.
    let x_start: Vec<f32> = normals(3, n * timesteps.len(), 0.0, 0.8)
        .into_iter()
        .map(|x| (f32::round(x.clamp(-1.0, 1.0) * 127.5 + 127.5) / 127.5) - 1.0)
        .collect();
    let noise = normals(4, n * timesteps.len(), 0.0, 1.0);
    let rows = |of: &[f32], i: usize| f64s(&of[i * n..(i + 1) * n]);
    let output: Vec<f32> = (0..timesteps.len())
        .flat_map(|i| {
            f32s(&outputs_near(&twin, timesteps[i], &rows(&x_start, i), &rows(&noise, i), 10 * i as u64))
        })
        .collect();
    for gpu in devices() {
        let found = on_gpu(gpu, (spec, loss, gamma), shape, &timesteps, [&x_start, &noise, &output]);

        let outputs = output.len() / timesteps.len();
        let mut mean = 0.0;
        for (i, &t) in timesteps.iter().enumerate() {
            let (prediction, variance) = (spec.prediction_type, spec.variance_type);
            let device = device_name(gpu);
            let name = format!("{device}: {loss:?} {gamma:?}, {prediction:?}, {variance:?}, t {t}");
            let own = f64s(&output[i * outputs..(i + 1) * outputs]);
            let (want, gradient) = twin.of(t, &rows(&x_start, i), &rows(&noise, i), &own);
            let parts = [want.mse.unwrap_or(0.0), want.vb.unwrap_or(0.0)];
            for (found, want) in found.sample_losses[i].iter().zip(parts) {
                // Relative, whatever the scale.
                let unit = want.abs().max(1e-6);
                assert_close(&name, &[f64::from(*found) / unit], &[want / unit], TOLERANCE);
                let wrong = f64::from(*found) / unit + 1e-3;
                assert_fails(&name, || assert_close("spoilt", &[wrong], &[want / unit], TOLERANCE));
            }
            mean += want.loss / timesteps.len() as f64;
            let found = &found.d_output[i * outputs..(i + 1) * outputs];
            let want: Vec<f64> = gradient.iter().map(|g| g / timesteps.len() as f64).collect();
            for half in [0..n, n..outputs].into_iter().filter(|half| !half.is_empty()) {
                let (found, want) = (&found[half.clone()], &want[half]);
                assert_relative_l2(&format!("{name}, gradient"), found, want, TOLERANCE);
                let wrong: Vec<f32> = found.iter().map(|g| 1.001 * g).collect();
                assert_fails(&name, || assert_relative_l2("spoilt", &wrong, want, TOLERANCE));
            }
        }
        assert_close("mean", &[f64::from(found.loss) / mean], &[1.0], TOLERANCE);
    }
}

#[test]
fn every_mode_in_awkward_shapes() {
    let mut shapes = [[3, 5, 7], [1, 9, 4], [5, 2, 3], [2, 6, 11]].into_iter().cycle();
    for prediction_type in ALL_PREDICTIONS {
        for variance_type in ALL_VARIANCES {
            let spec = DiffusionSpec { prediction_type, variance_type, ..DiffusionSpec::default() };
            for loss in ALL_LOSSES {
                check(&spec, loss, None, shapes.next().expect("endless"));
            }
            check(&spec, LossType::RescaledMse, Some(5.0), shapes.next().expect("endless"));
        }
    }
}
