//! How far the host may run ahead of the GPU.

use std::collections::VecDeque;

use super::context::GpuContext;
use super::encoder::Submission;

/// Submissions that may wait for the GPU: so many that it always has work, so few that the host stays near.
const IN_FLIGHT: usize = 2;

/// Waits for old submissions as new ones come.
#[derive(Debug, Default)]
pub struct Pace {
    in_flight: VecDeque<Submission>,
}

impl Pace {
    /// Takes note of a submission, and returns when the GPU has at most two to go.
    pub fn submitted(&mut self, gpu: &GpuContext, submission: Submission) {
        self.in_flight.push_back(submission);
        if self.in_flight.len() > IN_FLIGHT
            && let Some(oldest) = self.in_flight.pop_front()
        {
            gpu.wait_for(oldest);
        }
    }
}
