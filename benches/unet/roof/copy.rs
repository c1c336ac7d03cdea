//! Copies through memory: `copy.wgsl` or its twin for processors, and the command.

use ddpm::error::Result;
use ddpm::gpu::{Binding, GpuContext, KernelKey, Params, ParamsLayout, Recorder, Shader};

use super::{Roof, faster, host, speed};
use crate::measure::{Runs, seconds};

/// More than any cache holds, and within the default limit of a binding.
const QUADS: u32 = 4 << 20;
const GROUPS_A_ROW: u32 = 1 << 15;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Copy {
    count: u32,
    width: u32,
    pad: [u32; 2],
}

impl Params for Copy {
    const LAYOUT: ParamsLayout = ParamsLayout {
        name: "Copy",
        size: size_of::<Copy>(),
        fields: &[("count", 0), ("width", 4), ("pad0", 8), ("pad1", 12)],
    };
}

static COPY: Shader = Shader {
    name: "copy",
    source: include_str!("copy.wgsl"),
    params: Copy::LAYOUT,
    bindings: &[("x", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["copy"],
    consts: &[],
    host: &[host::copy],
};

/// GB/s, read and written.
pub fn peak(gpu: &GpuContext) -> Result<Roof> {
    let words = u64::from(QUADS) * 4;
    let (x, out) = (gpu.buffer("roof", words)?, gpu.buffer("roof", words)?);
    let gigabytes = 2.0 * 4.0 * words as f64 / 1e9;

    let params = Copy { count: QUADS, width: GROUPS_A_ROW * 64, pad: [0; 2] };
    let mut rec = Recorder::new(gpu);
    let groups = [GROUPS_A_ROW, QUADS.div_ceil(GROUPS_A_ROW * 64), 1];
    let key = KernelKey::new(&COPY, "copy");
    rec.dispatch("roof", key, &params, &[(&x).into(), (&out).into()], groups)?;
    let kernel = speed(gpu, &rec.finish(), gigabytes, "a kernel");

    let time = seconds(|n| {
        let mut encoder = gpu.encoder();
        for _ in 0..n {
            encoder.copy(gpu, (&x, 0), (&out, 0), words * 4);
        }
        gpu.submit(encoder);
        gpu.wait();
    });
    let runs = time.runs.iter().map(|seconds| gigabytes / seconds).collect();
    let command = Roof { speed: Runs::new(runs), how: "copy_buffer_to_buffer".to_owned() };
    Ok(faster(kernel, command))
}
