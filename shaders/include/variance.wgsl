// σ² of a DDPM step (arXiv 2006.11239, §3.2; the learned range is arXiv 2102.09672, eq. 15), as its logarithm.

// spec::VarianceType.
const VARIANCE_FIXED_SMALL: u32 = 0;
const VARIANCE_FIXED_LARGE: u32 = 1;
const VARIANCE_LEARNED: u32 = 2;
const VARIANCE_LEARNED_RANGE: u32 = 3;

// output: the network's word on this element's variance, where it has learned to say one.
fn log_variance_of(step: StepCoefficients, variance_type: u32, output: f32) -> f32 {
    if variance_type == VARIANCE_LEARNED {
        return output;
    }
    if variance_type == VARIANCE_LEARNED_RANGE {
        let part = 0.5 * (output + 1.0);
        return part * step.max_log_variance + (1.0 - part) * step.min_log_variance;
    }
    return step.max_log_variance;
}
