//! The twin of clip: the gradients of a network limited together.

use std::collections::BTreeMap;

/// Multiplies all gradients by min(1, max_norm / (norm + 1e-6)) and returns norm, the root of the sum of the squares of
/// all elements before that: `torch.nn.utils.clip_grad_norm_`.
pub fn clip_norm(gradients: &mut BTreeMap<String, Vec<f64>>, max_norm: f64) -> f64 {
    let norm = gradients.values().flatten().map(|g| g * g).sum::<f64>().sqrt();
    let factor = (max_norm / (norm + 1e-6)).min(1.0);
    gradients.values_mut().flatten().for_each(|g| *g *= factor);
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{assert_fails, assert_max_abs};
    use crate::fixtures::Fixture;

    /// √(3² + 4² + 12²) = 13.
    #[test]
    fn by_hand() {
        let gradients = BTreeMap::from([("a".to_owned(), vec![3.0, -4.0]), ("b".to_owned(), vec![12.0])]);
        for (max_norm, factor) in [(1.0, 1.0 / 13.000001), (6.5, 6.5 / 13.000001), (13.1, 1.0), (1e3, 1.0)] {
            let mut clipped = gradients.clone();
            assert_eq!(clip_norm(&mut clipped, max_norm), 13.0);
            let found = [&clipped["a"][..], &clipped["b"][..]].concat();
            assert_max_abs("clipped", &found, &[3.0 * factor, -4.0 * factor, 12.0 * factor], 1e-15);
        }
        // At the limit itself the 1e-6 counts already.
        let mut clipped = gradients.clone();
        clip_norm(&mut clipped, 13.0);
        assert_max_abs("at the limit", &clipped["b"], &[12.0 * 13.0 / 13.000001], 1e-15);
        assert!(clipped["b"][0] < 12.0);
    }

    #[test]
    fn nothing_to_clip() {
        let mut zeros = BTreeMap::from([("a".to_owned(), vec![0.0; 3])]);
        assert_eq!(clip_norm(&mut zeros, 1.0), 0.0);
        assert_eq!(zeros["a"], [0.0; 3]);
    }
    /// `torch.nn.utils.clip_grad_norm_` at 1, of gradients below it, above it, and zero.
    #[test]
    fn pytorch_clips() {
        let fixture = Fixture::load("train/optimiser.safetensors");
        let row = |name: &str, step| fixture.f64(name).row(step).to_vec();
        for (step, &norm) in fixture.f64("norms").data.iter().enumerate() {
            let mut gradients = BTreeMap::from(
                ["a", "b"].map(|name| (name.to_owned(), row(&format!("gradients/{name}"), step))),
            );
            let before = gradients.clone();
            assert_max_abs("norm", &[clip_norm(&mut gradients, 1.0)], &[norm], 1e-14);
            for (name, found) in &gradients {
                let want = row(&format!("clipped/{name}"), step);
                assert_max_abs(name, found, &want, 1e-14);
                if norm > 1.0 {
                    assert_fails(name, || assert_max_abs("not clipped", &before[name], &want, 1e-14));
                }
            }
        }
    }
}
