//! Settings that make no sense, refused before anything is made.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::spec::TrainSpec;

/// Checks that `checkpoint` can be trained by `spec`.
pub(super) fn check(spec: &TrainSpec, checkpoint: &Checkpoint) -> Result<()> {
    checkpoint.check_outputs()?;
    spec.validate()
}

impl TrainSpec {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// One sentence with what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        let refused = |what: &str, expected: &str, found: String| {
            Err(Error::input(format!("{what}: expected {expected}, found {found}")))
        };
        if self.batch_size == 0 || self.micro_batch == 0 || !self.batch_size.is_multiple_of(self.micro_batch)
        {
            return refused(
                "micro-batch",
                &format!("a divisor of the batch of {}", self.batch_size),
                self.micro_batch.to_string(),
            );
        }
        if u64::from(self.steps) * u64::from(self.batch_size) > u64::from(u32::MAX) {
            let found = format!("{} steps of {}", self.steps, self.batch_size);
            return refused("training", "at most 2^32 samples in all", found);
        }
        for (what, value) in [("beta1", self.beta1), ("beta2", self.beta2), ("ema decay", self.ema_decay)] {
            if !(0.0..1.0).contains(&value) {
                return refused(what, "at least 0 and less than 1", value.to_string());
            }
        }
        let sizes =
            [("learning rate", self.learning_rate), ("eps", self.eps), ("weight decay", self.weight_decay)];
        for (what, value) in sizes.into_iter().chain(self.max_grad_norm.map(|norm| ("gradient norm", norm))) {
            if !(value.is_finite() && value >= 0.0) {
                return refused(what, "a number that is not negative", value.to_string());
            }
        }
        if let Some(gamma) = self.min_snr_gamma {
            if !(gamma.is_finite() && gamma > 0.0) {
                return refused("min_snr_gamma", "a number above 0", gamma.to_string());
            }
            if !self.loss.has_mse() {
                let found = format!("min_snr_gamma {gamma} with the variational bound alone");
                return refused("loss", "mse or rescaled_mse, whose squared error it weights", found);
            }
        }
        Ok(())
    }
}
