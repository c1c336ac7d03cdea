//! Host half of `shaders/include/variance.wgsl`: σ² of a DDPM step (arXiv 2006.11239, §3.2; the learned range is
//! arXiv 2102.09672, eq. 15), as its logarithm.

use crate::ops::chain::StepCoefficients;
use crate::spec::VarianceType;

/// Whether the network says a word on the variance, in channels of its own; `variance_type` is the number of a
/// [`VarianceType`].
#[inline(always)]
pub fn is_learned(variance_type: u32) -> bool {
    variance_type >= VarianceType::Learned as u32
}

/// ln σ² where the network's word on it is `output`.
#[inline(always)]
pub fn log_variance(step: &StepCoefficients, variance_type: u32, output: f32) -> f32 {
    if variance_type == VarianceType::Learned as u32 {
        return output;
    }
    if variance_type == VarianceType::LearnedRange as u32 {
        let part = 0.5 * (output + 1.0);
        return part * step.max_log_variance + (1.0 - part) * step.min_log_variance;
    }
    step.max_log_variance
}
