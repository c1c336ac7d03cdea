//! Multiply-adds in registers: `fma.wgsl`, and its twin for processors.

use ddpm::error::Result;
use ddpm::gpu::{Binding, GpuContext, KernelKey, Params, ParamsLayout, Recorder, Shader};

use super::{Roof, faster, host, speed};

/// Enough to fill any adapter, and whole tasks of a processor's.
const INVOCATIONS: u32 = 3 << 16;
/// Of an invocation, two `vec4`s each.
const ITERATIONS: u32 = 512;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Fma {
    pub(super) iterations: u32,
    pub(super) a: f32,
    pub(super) b: f32,
    pad: u32,
}

impl Params for Fma {
    const LAYOUT: ParamsLayout = ParamsLayout {
        name: "Fma",
        size: size_of::<Fma>(),
        fields: &[("iterations", 0), ("a", 4), ("b", 8), ("pad", 12)],
    };
}

static FMA: Shader = Shader {
    name: "fma",
    source: include_str!("fma.wgsl"),
    params: Fma::LAYOUT,
    bindings: &[("out", Binding::ReadWrite)],
    entry_points: &["fused", "separate"],
    consts: &[],
    host: &[host::fused, host::separate],
};

/// GFLOP/s.
pub fn peak(gpu: &GpuContext) -> Result<Roof> {
    let out = gpu.buffer("roof", u64::from(INVOCATIONS) * 4)?;
    let params = Fma { iterations: ITERATIONS, a: 0.999, b: 0.001, pad: 0 };
    let gflop = 2.0 * 8.0 * f64::from(ITERATIONS) * f64::from(INVOCATIONS) / 1e9;
    let way = |entry_point: &'static str| {
        let mut rec = Recorder::new(gpu);
        rec.dispatch_items(
            "roof",
            KernelKey::new(&FMA, entry_point),
            &params,
            &[(&out).into()],
            INVOCATIONS,
        )?;
        Ok(speed(gpu, &rec.finish(), gflop, entry_point))
    };
    Ok(faster(way("fused")?, way("separate")?))
}
