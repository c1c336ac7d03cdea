//! The sinusoidal embedding of t: `shaders/timestep_embedding.wgsl`.

use std::f64::consts::TAU;

use super::recording::Recording;
use crate::error::{Error, Result, decimal};
use crate::gpu::{Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::TensorId;

params! {
    /// Sizes of the embedding; the fields are explained in `shaders/timestep_embedding.wgsl`.
    pub struct TimestepEmbedding {
        /// Length of the embedding.
        dim: u32,
        /// Number of frequencies.
        half: u32,
        /// 1: cosines first.
        flip: u32,
        /// Batch size.
        rows: u32,
        /// Floats of a row.
        stride: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// `shaders/timestep_embedding.wgsl`.
pub static TIMESTEP_EMBEDDING: Shader = Shader {
    name: "timestep_embedding",
    source: wgsl!("timestep_embedding"),
    params: TimestepEmbedding::LAYOUT,
    bindings: &[("frequencies", Binding::Read), ("timesteps", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["timestep_embedding"],
    consts: &[],
    host: host!(timestep_embedding::timestep_embedding),
};

/// ω_i = 10000^(−i / (half − freq_shift)) as a fraction of a turn, in units of 2⁻³² turns: t · ω_i wraps exactly.
fn frequencies(half: u32, freq_shift: f64) -> Vec<u32> {
    (0..half)
        .map(|i| {
            let omega = (-(10_000f64.ln()) * f64::from(i) / (f64::from(half) - freq_shift)).exp();
            (omega / TAU * 2f64.powi(32)).round() as u32
        })
        .collect()
}

pub(super) fn record(r: &mut Recording<'_, '_>, flip: bool, freq_shift: f64, out: TensorId) -> Result<()> {
    let dim = r.graph.tensor(out).channels();
    let half = dim / 2;
    if f64::from(half) <= freq_shift {
        return Err(Error::unsupported(format!(
            "a time embedding of {dim} channels has no frequencies with freq_shift {}",
            decimal(freq_shift)
        )));
    }
    let params = TimestepEmbedding {
        dim,
        half,
        flip: flip.into(),
        rows: r.batch,
        stride: r.graph.tensor(out).quads() * 4,
        ..TimestepEmbedding::default()
    };
    let frequencies = r.rec.gpu.buffer_with("time_proj.frequencies", &frequencies(half, freq_shift))?;
    let timesteps = r.timesteps.clone();
    let out = r.activation(out);
    let args = [(&frequencies).into(), (&timesteps).into(), (&out).into()];
    let key = KernelKey::new(&TIMESTEP_EMBEDDING, "timestep_embedding");
    r.rec.dispatch("time_proj", key, &params, &args, [params.stride.div_ceil(64), params.rows, 1])
}
