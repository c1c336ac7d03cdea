//! The twin of adam: one step of AdamW, and the moving average of the weights.

/// Settings of AdamW, under PyTorch's names; without weight decay it is Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
}

/// The moving averages of a parameter's gradient and of its square; zeros before the first step.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    pub m: Vec<f64>,
    pub v: Vec<f64>,
}

impl Moments {
    /// For a parameter of `count` elements.
    pub fn zeros(count: usize) -> Self {
        Self { m: vec![0.0; count], v: vec![0.0; count] }
    }
}

impl AdamW {
    /// Takes step number `step`, counted from 1. All slices have the parameter's length.
    ///
    /// param ← param · (1 − lr · weight_decay), m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    /// param ← param − lr · m̂ / (√v̂ + eps) with m̂ = m / (1 − β₁^step), v̂ = v / (1 − β₂^step): `torch.optim.AdamW`.
    /// arXiv 1412.6980 algorithm 1, arXiv 1711.05101 algorithm 2.
    pub fn step(&self, step: u32, param: &mut [f64], gradient: &[f64], moments: &mut Moments) {
        assert_eq!([gradient.len(), moments.m.len(), moments.v.len()], [param.len(); 3], "lengths differ");
        let [beta1, beta2] = self.betas;
        let [correction1, correction2] = self.betas.map(|beta| 1.0 - beta.powi(step as i32));
        for (i, (param, g)) in param.iter_mut().zip(gradient).enumerate() {
            let (m, v) = (&mut moments.m[i], &mut moments.v[i]);
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *param *= 1.0 - self.lr * self.weight_decay;
            *param -= self.lr * (*m / correction1) / ((*v / correction2).sqrt() + self.eps);
        }
    }
}

/// ema ← decay · ema + (1 − decay) · param.
pub fn update_ema(decay: f64, ema: &mut [f64], param: &[f64]) {
    assert_eq!(ema.len(), param.len(), "lengths differ");
    for (ema, param) in ema.iter_mut().zip(param) {
        *ema = decay * *ema + (1.0 - decay) * param;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{assert_fails, assert_max_abs};
    use crate::fixtures::Fixture;

    const ADAM: AdamW = AdamW { lr: 2e-4, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 };

    /// The parameter after one step for each of `gradients`.
    fn run(adam: AdamW, start: f64, gradients: &[f64]) -> f64 {
        let (mut param, mut moments) = ([start], Moments::zeros(1));
        for (gradient, step) in gradients.iter().zip(1..) {
            adam.step(step, &mut param, &[*gradient], &mut moments);
        }
        param[0]
    }

    /// Of equal gradients g, m̂ = g and v̂ = g² at every step, so that each moves by lr · g / (|g| + eps).
    #[test]
    fn equal_gradients_by_hand() {
        for gradient in [3.0, -1e-3, 1e-8] {
            for steps in [1, 2, 50] {
                let want = 1.0 - f64::from(steps) * 2e-4 * gradient / (gradient.abs() + 1e-8);
                let found = run(ADAM, 1.0, &vec![gradient; steps as usize]);
                assert_max_abs("equal gradients", &[found], &[want], 1e-14);
            }
        }
        // eps is added to √v̂, neither to v̂ nor to √v.
        let half = run(AdamW { eps: 3.0, ..ADAM }, 1.0, &[3.0]);
        assert_max_abs("eps", &[half], &[1.0 - 1e-4], 1e-15);
    }

    /// g = 1, then −2, β = (1/2, 3/4): m = 1/2, −3/4; v = 1/4, 19/16; m̂ = 1, −1; v̂ = 1, (19/16) / (7/16) = 19/7.
    #[test]
    fn different_gradients_by_hand() {
        let adam = AdamW { lr: 0.1, betas: [0.5, 0.75], eps: 0.5, weight_decay: 0.0 };
        let moved = -0.1 / 1.5 + 0.1 / ((19.0_f64 / 7.0).sqrt() + 0.5);
        let found = run(adam, 2.0, &[1.0, -2.0]);
        assert_max_abs("two steps", &[found], &[2.0 + moved], 1e-15);
        assert_fails("betas swapped", || {
            let swapped = run(AdamW { betas: [0.75, 0.5], ..adam }, 2.0, &[1.0, -2.0]);
            assert_max_abs("spoilt", &[swapped], &[2.0 + moved], 1e-15);
        });
    }

    /// The decay multiplies the parameter and is no part of the moments.
    #[test]
    fn weight_decay_by_hand() {
        let adam = AdamW { lr: 0.1, weight_decay: 0.2, ..ADAM };
        assert_max_abs("no gradient", &[run(adam, 5.0, &[0.0, 0.0])], &[5.0 * 0.98 * 0.98], 1e-15);
        assert_max_abs("one step", &[run(adam, 5.0, &[4.0])], &[5.0 * 0.98 - 0.1], 1e-9);
    }

    /// Of a constant, what is left of the start is decay^steps.
    #[test]
    fn moving_average_by_hand() {
        let mut ema = [1.0, -2.0];
        for _ in 0..10 {
            update_ema(0.9, &mut ema, &[3.0, 4.0]);
        }
        let left = 0.9_f64.powi(10);
        assert_max_abs("ema", &ema, &[3.0 - 2.0 * left, 4.0 - 6.0 * left], 1e-14);
    }
    /// The elements of a tensor of tests/fixtures/train/optimiser.safetensors after every step, one step after the other.
    fn run_fixture(fixture: &Fixture, tensor: &str, weight_decay: f64) -> Vec<f64> {
        let mut param = fixture.f64(&format!("start/{tensor}")).data;
        let mut moments = Moments::zeros(param.len());
        let gradients = fixture.f64(&format!("gradients/{tensor}"));
        let after = fixture.f64("lr").data.into_iter().enumerate().flat_map(|(i, lr)| {
            let adam = AdamW { lr, weight_decay, ..ADAM };
            adam.step(i as u32 + 1, &mut param, gradients.row(i), &mut moments);
            param.clone()
        });
        after.collect()
    }

    /// `torch.optim.Adam` and `torch.optim.AdamW`, with gradients from 1e-11 to 10, some of them near eps, and zeros.
    #[test]
    fn pytorch_steps() {
        let fixture = Fixture::load("train/optimiser.safetensors");
        for (optimiser, weight_decay, wrong_decay) in [("adam", 0.0, 0.1), ("adamw", 0.1, 0.0)] {
            for tensor in ["a", "b"] {
                let name = format!("{optimiser}/{tensor}");
                let want = fixture.f64(&name).data;
                assert_max_abs(&name, &run_fixture(&fixture, tensor, weight_decay), &want, 1e-14);
                let spoilt = run_fixture(&fixture, tensor, wrong_decay);
                assert_fails(&name, || assert_max_abs("spoilt", &spoilt, &want, 1e-14));
            }
        }
    }
}
