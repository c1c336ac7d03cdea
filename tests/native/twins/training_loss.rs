//! The gradient of every training loss: differences of the losses themselves prove it.

use ddpm::spec::{DiffusionSpec, LossType, VarianceType};

use crate::compare::{assert_fails, assert_relative_l2};
use crate::kernels::training_loss::{ALL_LOSSES, ALL_PREDICTIONS, ALL_VARIANCES, outputs_near};
use crate::reference::random::normals;
use crate::reference::training_loss::Loss;

const N: usize = 6;

/// The slope of `of` along every element of `output`, by central differences of fourth order; `step` is each element's.
fn slopes(output: &[f64], step: impl Fn(usize) -> f64, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..output.len())
        .map(|i| {
            let h = step(i);
            let at = |distance: f64| {
                let mut moved = output.to_vec();
                moved[i] += distance;
                of(&moved)
            };
            (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
        })
        .collect()
}

fn check(loss: &Loss, t: u32) {
    let x_start: Vec<f64> = [-1.0, 1.0, 0.2, -0.6, 1.0, -1.0].to_vec();
    let noise: Vec<f64> = normals(1, N, 0.0, 1.0).into_iter().map(f64::from).collect();
    let output = outputs_near(loss, t, &x_start, &noise, 7);
    let name = format!(
        "{:?} of {:?}, {:?} at t = {t}",
        loss.loss, loss.spec.prediction_type, loss.spec.variance_type
    );
    let (_, gradient) = loss.of(t, &x_start, &noise, &output);
    // A fraction of what the loss changes over: of a standard deviation of the reverse step's mean.
    let at = &loss.steps[t as usize];
    let mean_of_output = at.x_start_coef * at.x_start_of_output + at.output_coef;
    let sigma = (0.5 * loss.schedule.posterior_log_variance_clipped[t as usize]).exp();
    let log_variance_of_output = match loss.spec.variance_type {
        VarianceType::LearnedRange => (at.max_log_variance - at.min_log_variance) / 2.0,
        _ => 1.0,
    };
    let step = |i: usize| match i < N {
        true => 1e-3 * (sigma / mean_of_output.abs()).min(1.0),
        false => 1e-3 / log_variance_of_output,
    };
    // The bound stops at the mean where there is a squared error.
    let of = |output: &[f64]| loss.of(t, &x_start, &noise, output).0;
    let mut want = slopes(&output, step, |output| {
        if loss.loss.has_mse() { of(output).mse.expect("a part") } else { of(output).loss }
    });
    if loss.spec.variance_type.is_learned() {
        let of_bound = slopes(&output, step, |output| of(output).vb.expect("a part"));
        want.splice(N.., of_bound[N..].iter().copied());
        let (found, wanted) = (&gradient[N..], &want[N..]);
        assert_relative_l2(&format!("{name}, variance"), found, wanted, 1e-7);
        let wrong: Vec<f64> = found.iter().map(|g| 1.001 * g).collect();
        assert_fails("a thousandth too much", || assert_relative_l2("spoilt", &wrong, wanted, 1e-7));
    }
    assert_relative_l2(&format!("{name}, mean"), &gradient[..N], &want[..N], 1e-7);
    assert_fails("none", || assert_relative_l2("spoilt", &[0.0; N], &want[..N], 1e-7));
}

#[test]
fn of_every_mode() {
    for prediction_type in ALL_PREDICTIONS {
        for variance_type in ALL_VARIANCES {
            let spec = DiffusionSpec { prediction_type, variance_type, ..DiffusionSpec::default() };
            for loss in ALL_LOSSES {
                for gamma in [None, Some(5.0)].into_iter().take(if loss.has_mse() { 2 } else { 1 }) {
                    let loss = Loss::new(&spec, loss, gamma);
                    for t in [0, 1, 300, 999] {
                        check(&loss, t);
                    }
                }
            }
        }
    }
}

/// min-SNR-γ: whatever is predicted, an error of x̂_0 costs the same.
#[test]
fn min_snr_weighs_x_0_alike() {
    let gamma = 5.0;
    for t in [0, 1, 50, 300, 999] {
        let x_start: Vec<f64> = [-1.0, 1.0, 0.2, -0.6, 1.0, -1.0].to_vec();
        let noise: Vec<f64> = normals(1, N, 0.0, 1.0).into_iter().map(f64::from).collect();
        let errors: Vec<f64> = normals(2, N, 0.0, 0.1).into_iter().map(f64::from).collect();
        let costs = ALL_PREDICTIONS.map(|prediction_type| {
            let spec = DiffusionSpec {
                prediction_type,
                variance_type: VarianceType::FixedSmall,
                ..DiffusionSpec::default()
            };
            let loss = Loss::new(&spec, LossType::Mse, Some(gamma));
            let step = &loss.steps[t as usize];
            let x_t = ddpm::diffusion::q_sample(&loss.schedule, &x_start, t, &noise);
            // The output that says x_0 + error.
            let of_x_0 =
                |i: usize| (x_start[i] + errors[i] - step.x_start_of_x_t * x_t[i]) / step.x_start_of_output;
            let output: Vec<f64> = (0..N).map(of_x_0).collect();
            loss.of(t, &x_start, &noise, &output).0.loss
        });
        let signal =
            Loss::new(&DiffusionSpec::default(), LossType::Mse, None).schedule.alphas_cumprod[t as usize];
        let squared = errors.iter().map(|e| e * e).sum::<f64>() / N as f64;
        let want = (signal / (1.0 - signal)).min(gamma) * squared;
        crate::compare::assert_relative_l2(&format!("t = {t}"), &costs, &[want; 4], 1e-9);
    }
}
