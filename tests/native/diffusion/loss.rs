//! Every training loss of gaussian_diffusion.safetensors, on the host and on the GPU.

use std::collections::BTreeSet;

use ddpm::diffusion::loss::{TrainingLoss, training_losses};
use ddpm::spec::{DiffusionSpec, LossType, PredictionType};

use super::{PREDICTIONS, TOLERANCE, VARIANCES, ddpm_by_t, spec};
use crate::compare::{assert_close, assert_fails};
use crate::fixtures::Fixture;
use crate::gpu::{devices, name as device_name};
use crate::kernels::training_loss::on_gpu;

const LOSSES: [(&str, LossType); 4] = [
    ("mse", LossType::Mse),
    ("rescaled_mse", LossType::RescaledMse),
    ("kl", LossType::Kl),
    ("rescaled_kl", LossType::RescaledKl),
];
/// On the GPU: of squared errors, and of the bound.
const GPU_TOLERANCES: [f64; 2] = [1e-4, 1e-3];

/// The fixture's pictures and one mode's losses of them, on both.
struct Case {
    host: Vec<TrainingLoss>,
    /// On each device.
    found: [Vec<[f32; 2]>; 2],
}

impl Case {
    fn new(fixture: &Fixture, spec: &DiffusionSpec, loss: LossType) -> Self {
        let schedule = ddpm::schedule::Schedule::new(spec).expect("the paper's");
        let steps = ddpm_by_t(spec);
        let [x_start, x_t, noise, model_output] =
            ["x_start", "x_t", "noise", "model_output"].map(|name| fixture.f64(name));
        let timesteps: Vec<u32> =
            fixture.i64("timestep").data.iter().map(|&t| u32::try_from(t).expect("a timestep")).collect();
        let n = x_start.row(0).len();
        let outputs = if spec.variance_type.is_learned() { 2 * n } else { n };
        let host = timesteps.iter().enumerate().map(|(i, &t)| {
            let known = [x_start.row(i), x_t.row(i), noise.row(i)];
            let output = &model_output.row(i)[..outputs];
            training_losses(spec, (loss, None), &schedule, &steps[t as usize], known, output)
        });
        let output: Vec<f32> = (0..timesteps.len())
            .flat_map(|i| model_output.row(i)[..outputs].iter().map(|&o| o as f32).collect::<Vec<_>>())
            .collect();
        let shape = [1, 2, 3].map(|dimension| x_start.shape[dimension] as u32);
        let (x_start, noise) = (fixture.f32("x_start").data, fixture.f32("noise").data);
        let found = devices().map(|gpu| {
            on_gpu(gpu, (spec, loss, None), shape, &timesteps, [&x_start, &noise, &output]).sample_losses
        });
        Self { host: host.collect(), found }
    }
}

/// Compares with the answer called `name`, within `tolerance`; a wrong one must fail.
fn check(name: &str, place: &str, mut found: Vec<f64>, want: &[f64], tolerance: f64) {
    assert_close(&format!("{name} on the {place}"), &found, want, tolerance);
    let last = found.len() - 1;
    found[last] += 3e-3 * (1.0 + want[last].abs());
    assert_fails(name, || assert_close("spoilt", &found, want, tolerance));
}

#[test]
fn every_loss_follows_the_reference() {
    let fixture = Fixture::load("diffusion/gaussian_diffusion.safetensors");
    let mut compared = BTreeSet::new();
    for (prediction, prediction_type) in PREDICTIONS {
        for (variance, variance_type) in VARIANCES {
            for (loss_name, loss) in LOSSES {
                let case = Case::new(&fixture, &spec(prediction_type, variance_type, true), loss);
                let of_bound = !loss.has_mse();
                for part in ["loss", "mse", "vb"] {
                    let name = format!("loss.{prediction}.{variance}.{loss_name}.{part}");
                    let host: Vec<Option<f64>> = case
                        .host
                        .iter()
                        .map(|loss| match part {
                            "loss" => Some(loss.loss),
                            "mse" => loss.mse,
                            _ => loss.vb.filter(|_| !of_bound),
                        })
                        .collect();
                    // The parts that the reference tells of are those that there are.
                    let Some(host) = host.into_iter().collect::<Option<Vec<f64>>>() else {
                        assert!(!fixture.names().contains(&name), "{name}: nothing to compare");
                        continue;
                    };
                    let want = fixture.f64(&name).data;
                    check(&name, "host", host, &want, TOLERANCE);
                    for (gpu, found) in devices().into_iter().zip(&case.found) {
                        let values = found.iter().map(|&[mse, vb]| match part {
                            "loss" => f64::from(mse) + f64::from(vb),
                            "mse" => mse.into(),
                            _ => vb.into(),
                        });
                        let has_bound = part == "vb" || part == "loss" && case.host[0].vb.is_some();
                        check(
                            &name,
                            device_name(gpu),
                            values.collect(),
                            &want,
                            GPU_TOLERANCES[usize::from(has_bound)],
                        );
                    }
                    compared.insert(name);
                }
            }
        }
    }
    for name in fixture.names().iter().filter(|name| name.starts_with("loss.")) {
        assert!(compared.contains(name), "{name}: an answer that nothing was compared with");
    }
    assert!(!compared.is_empty());
}

/// A loss is of what is predicted, and that alone differs.
#[test]
fn an_exact_network_has_no_squared_error() {
    let x_start = [-1.0, -0.2, 0.6, 1.0];
    let noise = [0.3, -1.2, 0.1, 2.0];
    for prediction_type in
        [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V]
    {
        let spec = spec(prediction_type, ddpm::spec::VarianceType::FixedSmall, true);
        let schedule = ddpm::schedule::Schedule::new(&spec).expect("the paper's");
        let steps = ddpm_by_t(&spec);
        for t in [0, 1, 500, 999] {
            let x_t = ddpm::diffusion::q_sample(&schedule, &x_start, t, &noise);
            let known = [&x_start[..], &x_t, &noise];
            let output = ddpm::diffusion::loss::training_target(&spec, &schedule, t, known);
            let of =
                |loss| training_losses(&spec, (loss, None), &schedule, &steps[t as usize], known, &output);
            assert_eq!(of(LossType::Mse).loss, 0.0);
            let kl = of(LossType::Kl).loss;
            assert!(if t == 0 { kl > 0.0 } else { kl.abs() < 1e-9 }, "{prediction_type:?}, t = {t}: {kl}");
        }
    }
}
