//! Steps of noise, as people say them: 0 is the picture, T pure noise; x_t holds t + 1.

use clap::Args;
use ddpm::error::{Error, Result};

#[derive(Args)]
pub struct TimesArgs {
    /// Steps of noise, each at most the T the model was trained with [default: T/8, T/4, T/2, 3T/4 and T]. A chain of fewer
    /// steps has fewer: the next it has below is taken.
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    times: Option<Vec<u32>>,
}

impl TimesArgs {
    /// What is asked for, of a model of `num_timesteps`.
    pub fn of(&self, num_timesteps: u32) -> Result<Vec<u32>> {
        let times = self
            .times
            .clone()
            .unwrap_or_else(|| [1, 2, 4, 6, 8].map(|eighths| (num_timesteps / 8 * eighths).max(1)).to_vec());
        match times.iter().find(|&&time| time > num_timesteps) {
            None => Ok(times),
            Some(time) => Err(Error::input(format!(
                "--times {time}: expected at most {num_timesteps}, the steps of noise that the model was trained with"
            ))),
        }
    }
}
