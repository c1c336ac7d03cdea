//! A normalisation's backward, in PyTorch's three stages: `shaders/group_norm_gradient.wgsl` sums over pixels,
//! `group_norm_parameters.wgsl` makes of the sums the parameters' gradients and each group's two numbers, and the first
//! shader again makes of those the input's gradient.

use super::{Settings, block, positions, sizes};
use crate::error::Result;
use crate::gpu::{Arg, Binding, KernelKey, Params, Shader, params, wgsl};
use crate::graph::TensorId;
use crate::ops::backward::Backward;

params! {
    /// Sizes of the input's gradient; the fields are explained in `shaders/group_norm_gradient.wgsl`.
    pub struct GroupNormGradient {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// First source's channels / 4.
        a_quads: u32,
        /// Second source's channels / 4, or 0.
        b_quads: u32,
        /// Pixels a chunk of `sums`.
        chunk: u32,
        /// Chunks a sample.
        chunks: u32,
        /// 1 if SiLU is applied.
        silu: u32,
        /// 1 to add to `d_a`.
        add_a: u32,
        /// 1 to add to `d_b`.
        add_b: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

params! {
    /// Sizes of the parameters' gradients; the fields are explained in `shaders/group_norm_parameters.wgsl`.
    pub struct GroupNormParameters {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// All sources' channels / 4.
        quads: u32,
        /// Groups.
        groups: u32,
        /// Channels a group, without padding.
        group_channels: u32,
        /// Chunks a sample.
        chunks: u32,
        /// 1 if scale and shift are applied.
        has_scale_shift: u32,
        /// First `vec4` of the scale in an embedding row.
        scale_quad: u32,
        /// First `vec4` of the shift in an embedding row.
        shift_quad: u32,
        /// `vec4`s of an embedding row.
        embedding_stride: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// `shaders/group_norm_gradient.wgsl`.
pub static GROUP_NORM_GRADIENT: Shader = Shader {
    name: "group_norm_gradient",
    source: wgsl!("group_norm_gradient"),
    params: GroupNormGradient::LAYOUT,
    bindings: &[
        ("a", Binding::Read),
        ("b", Binding::Read),
        ("fold", Binding::Read),
        ("d_out", Binding::Read),
        ("totals", Binding::Read),
        ("partials", Binding::ReadWrite),
        ("d_a", Binding::ReadWrite),
        ("d_b", Binding::ReadWrite),
    ],
    entry_points: &["sums", "input"],
    consts: &[],
    host: host!(group_norm_gradient::sums, group_norm_gradient::input),
};

/// `shaders/group_norm_parameters.wgsl`.
pub static GROUP_NORM_PARAMETERS: Shader = Shader {
    name: "group_norm_parameters",
    source: wgsl!("group_norm_parameters"),
    params: GroupNormParameters::LAYOUT,
    bindings: &[
        ("partials", Binding::Read),
        ("fold", Binding::Read),
        ("affine", Binding::Read),
        ("embedding", Binding::Read),
        ("positions", Binding::Read),
        ("totals", Binding::ReadWrite),
        ("d_affine", Binding::ReadWrite),
        ("d_embedding", Binding::ReadWrite),
    ],
    entry_points: &["totals_of_chunks", "groups_of_totals", "affine_gradient", "conditioning_gradient"],
    consts: &[],
    host: host!(
        group_norm_parameters::totals_of_chunks,
        group_norm_parameters::groups_of_totals,
        group_norm_parameters::affine_gradient,
        group_norm_parameters::conditioning_gradient
    ),
};

pub(in crate::ops) fn record_backward(
    b: &mut Backward<'_, '_, '_>,
    x: &[TensorId],
    settings: &Settings,
    out: TensorId,
) -> Result<()> {
    let label = b.r.graph.layer_name(&settings.layer);
    let forward = sizes(b.r, x, settings);
    let quads = forward.a_quads + forward.b_quads;
    let (samples, channels) = (forward.samples, forward.groups * forward.group_channels);
    let items = samples * forward.chunks * quads;
    let block = block(b.r.graph, settings.layer);
    let (affine, d_affine) = (b.r.block(&block)?, b.r.block_gradient(&block));
    let (positions, fold, d_out) = (positions(b.r, label, x)?, b.r.kept(out), b.gradient_of(out));
    let partials = b.r.partials(u64::from(items) * 8)?;
    let totals = b.scratch(u64::from(samples * quads) * 16)?;
    // What is bound where nothing is to be written.
    let unused = b.scratch(4)?;

    let (d_a, add_a) = b.gradient_to(x[0])?;
    let (d_b, add_b) = match x.get(1) {
        Some(&id) => b.gradient_to(id)?,
        None => (unused.clone(), false),
    };
    let params = GroupNormGradient {
        samples,
        pixels: forward.pixels,
        a_quads: forward.a_quads,
        b_quads: forward.b_quads,
        chunk: forward.chunk,
        chunks: forward.chunks,
        silu: forward.silu,
        add_a: add_a.into(),
        add_b: add_b.into(),
        ..GroupNormGradient::default()
    };
    let a = b.r.activation(x[0]);
    let second = x.get(1).map_or_else(|| a.clone(), |&id| b.r.activation(id));
    let args = [&a, &second, &fold, &d_out, &totals, &partials, &d_a, &d_b].map(Arg::from);
    let key = |entry| KernelKey::new(&GROUP_NORM_GRADIENT, entry);
    b.r.rec.dispatch_items(label, key("sums"), &params, &args, items)?;

    let (embedding, d_embedding) = match settings.scale_shift {
        Some([scale, _]) => (b.r.activation(scale.tensor), b.gradient_to(scale.tensor)?.0),
        None => (affine.clone(), unused.clone()),
    };
    let sums = GroupNormParameters {
        samples,
        pixels: forward.pixels,
        quads,
        groups: forward.groups,
        group_channels: forward.group_channels,
        chunks: forward.chunks,
        has_scale_shift: forward.has_scale_shift,
        scale_quad: forward.scale_quad,
        shift_quad: forward.shift_quad,
        embedding_stride: forward.embedding_stride,
        pad0: 0,
        pad1: 0,
    };
    let sums_args =
        [&partials, &fold, &affine, &embedding, &positions, &totals, &d_affine, &d_embedding].map(Arg::from);
    let sums_key = |entry| KernelKey::new(&GROUP_NORM_PARAMETERS, entry);
    let rec = &mut b.r.rec;
    rec.dispatch_items(label, sums_key("totals_of_chunks"), &sums, &sums_args, samples * quads)?;
    rec.dispatch_items(label, sums_key("groups_of_totals"), &sums, &sums_args, samples * forward.groups)?;
    rec.dispatch_items(label, sums_key("affine_gradient"), &sums, &sums_args, channels)?;
    if settings.scale_shift.is_some() {
        let items = samples * channels.div_ceil(4);
        rec.dispatch_items(label, sums_key("conditioning_gradient"), &sums, &sums_args, items)?;
    }

    let strips = samples * forward.pixels.div_ceil(4) * quads;
    b.r.rec.dispatch_items(label, key("input"), &params, &args, strips)?;
    b.release(totals);
    b.release(unused);
    Ok(())
}
