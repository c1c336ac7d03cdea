//! Convolutions whose sum over taps and channels is split, on maps too small to fill a GPU: `shaders/conv2d_split.wgsl`, then
//! `conv2d_sum.wgsl`.

use super::{BUFFER_BINDINGS, Conv2d, Convolution};
use crate::error::Result;
use crate::gpu::{Binding, GpuContext, KernelKey, Params, Shader, wgsl};
use crate::ops::recording::Recording;

/// `shaders/conv2d_split.wgsl`.
pub static CONV2D_SPLIT: Shader = Shader {
    name: "conv2d_split",
    source: wgsl!("conv2d_split"),
    params: Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_split"],
    consts: &[("TILE", &[32, 64])],
    host: &[],
};

/// `shaders/conv2d_sum.wgsl`.
pub static CONV2D_SUM: Shader = Shader {
    name: "conv2d_sum",
    source: wgsl!("conv2d_sum"),
    params: Conv2d::LAYOUT,
    bindings: &[
        ("partials", Binding::Read),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["conv2d_sum"],
    consts: &[],
    host: &[],
};

/// The kernel of one split's share, in tiles of `size` by `size`.
pub(super) fn kernel(size: u32) -> KernelKey {
    KernelKey { shader: &CONV2D_SPLIT, entry_point: "conv2d_split", consts: [size, 0] }
}

/// Whether a direct convolution of these sizes is split here.
pub(super) fn is_chosen(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    gpu.method(&sizes.shape()).splits > 1
}

/// Records a convolution by `key`, the kernel of a split's share in tiles of `size` by `size`.
pub(super) fn record(
    convolution: &Convolution<'_>,
    r: &mut Recording<'_, '_>,
    key: KernelKey,
    size: u32,
) -> Result<()> {
    let splits = r.rec.gpu.method(&convolution.sizes.shape()).splits;
    let (sizes, label) = (Conv2d { splits, ..convolution.sizes }, convolution.label);
    let sums = sizes.rows * sizes.out_quads;
    let partials = r.partials(u64::from(splits) * u64::from(sums) * 4)?;
    convolution.record_tiles(r, key, &sizes, size, &partials)?;

    let [bias, embedding, residual] = convolution.addends();
    let args = [(&partials).into(), bias, embedding, residual, (&convolution.out).into()];
    r.rec.dispatch_items(label, KernelKey::new(&CONV2D_SUM, "conv2d_sum"), &sizes, &args, sums)
}
