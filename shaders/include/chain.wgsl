// The state of a chain on the GPU, and the numbers of each of its steps.

struct Chain {
    // Index of the next step into `steps`; the last kernel of a step counts it on.
    step: u32,
    // The seed's words: Philox's key.
    seed_lo: u32,
    seed_hi: u32,
    // Sample n of the batch draws the noise of sample first_sample + n.
    first_sample: u32,
}

// One step of a chain: schedule::StepCoefficients cast to f32.
struct StepCoefficients {
    // The original timestep.
    t: u32,
    x_start_of_x_t: f32,
    x_start_of_output: f32,
    noise_of_x_t: f32,
    noise_of_output: f32,
    sqrt_alphas_cumprod: f32,
    sqrt_one_minus_alphas_cumprod: f32,
    x_start_coef: f32,
    x_t_coef: f32,
    output_coef: f32,
    pred_noise_coef: f32,
    sigma: f32,
    min_log_variance: f32,
    max_log_variance: f32,
    // The t of the noise.
    noise_t: u32,
}
