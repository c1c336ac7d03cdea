//! The twin of timestep_embedding.

use super::activation::Activation;

/// [sin(t · ω_i) for i < half, cos(t · ω_i) for i < half], half = ⌊dim / 2⌋, ω_i = 10000^(−i / (half − freq_shift));
/// the cosines first if `flip_sin_to_cos`, and a 0 at the end where dim is odd.
///
/// diffusers' `get_timestep_embedding`.
pub fn timestep_embedding(timestep: u32, dim: usize, flip_sin_to_cos: bool, freq_shift: f64) -> Activation {
    let half = dim / 2;
    let angle = |i: usize| {
        let frequency = (-10_000f64.ln() * i as f64 / (half as f64 - freq_shift)).exp();
        f64::from(timestep) * frequency
    };
    let sines = (0..half).map(|i| angle(i).sin());
    let cosines = (0..half).map(|i| angle(i).cos());
    let mut out: Vec<f64> =
        if flip_sin_to_cos { cosines.chain(sines).collect() } else { sines.chain(cosines).collect() };
    out.resize(dim, 0.0);
    Activation::embedding(out)
}
