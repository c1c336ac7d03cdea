//! Group normalisation with conditioning and SiLU: `shaders/group_norm.wgsl`. Its backward is `gradient.rs`.

#[cfg(feature = "train")]
mod gradient;

#[cfg(feature = "train")]
pub(super) use gradient::record_backward;
#[cfg(feature = "train")]
pub use gradient::{GROUP_NORM_GRADIENT, GROUP_NORM_PARAMETERS};
#[cfg(all(feature = "processor", feature = "train"))]
pub(crate) use gradient::{GroupNormGradient, GroupNormParameters};

use super::block::{Block, concatenated};
use super::recording::Recording;
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, KernelKey, Params, Shader, params, wgsl};
use crate::graph::{Affine, Graph, Segment, TensorId};

params! {
    /// Sizes of a GroupNorm; the fields are explained in `shaders/group_norm.wgsl`.
    pub struct GroupNorm {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        pixels: u32,
        /// First source's channels / 4.
        a_quads: u32,
        /// Second source's channels / 4, or 0.
        b_quads: u32,
        /// Groups.
        groups: u32,
        /// Channels a group, without padding.
        group_channels: u32,
        /// Pixels a chunk of `stats`.
        chunk: u32,
        /// Chunks a sample.
        chunks: u32,
        /// Numerical epsilon.
        eps: f32,
        /// 1 to apply SiLU.
        silu: u32,
        /// 1 to apply scale and shift.
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

/// `shaders/group_norm.wgsl`.
pub static GROUP_NORM: Shader = Shader {
    name: "group_norm",
    source: wgsl!("group_norm"),
    params: GroupNorm::LAYOUT,
    bindings: &[
        ("a", Binding::Read),
        ("b", Binding::Read),
        ("affine", Binding::Read),
        ("embedding", Binding::Read),
        ("positions", Binding::Read),
        ("partials", Binding::ReadWrite),
        ("fold", Binding::ReadWrite),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["stats", "coefficients", "apply"],
    consts: &[],
    host: host!(group_norm::stats, group_norm::coefficients, group_norm::apply),
};

/// Pixels whose moments one invocation of `stats` takes.
const CHUNK: u32 = 32;

/// What a GroupNorm is, besides its tensors.
pub(super) struct Settings {
    pub(super) layer: Affine,
    pub(super) groups: u32,
    pub(super) eps: f32,
    pub(super) scale_shift: Option<[Segment; 2]>,
    pub(super) silu: bool,
}

/// γ and β.
pub(super) fn block(graph: &Graph, layer: Affine) -> Block {
    Block::norm(graph, graph.layer_name(&layer), layer)
}

/// `positions`: where each channel of the concatenation of `x` lies in a pixel's memory, in floats.
fn positions(r: &Recording<'_, '_>, label: &str, x: &[TensorId]) -> Result<Buffer> {
    let channels = (0u32..).zip(concatenated(r.graph, x));
    let positions: Vec<u32> = channels.filter_map(|(place, channel)| channel.map(|_| place)).collect();
    r.rec.gpu.buffer_with(&format!("{label}.positions"), &positions)
}

/// Sizes of the normalisation of `x`.
fn sizes(r: &Recording<'_, '_>, x: &[TensorId], settings: &Settings) -> GroupNorm {
    let first = r.graph.tensor(x[0]);
    let channels: u32 = x.iter().map(|&id| r.graph.tensor(id).channels()).sum();
    let conditioning = settings.scale_shift.map(|segments| {
        let tensor = r.graph.tensor(segments[0].tensor);
        (tensor.quads(), segments.map(|segment| tensor.quads_before(segment.segment_ix)))
    });
    GroupNorm {
        samples: r.batch,
        pixels: first.pixels(),
        a_quads: first.quads(),
        b_quads: x.get(1).map_or(0, |&id| r.graph.tensor(id).quads()),
        groups: settings.groups,
        group_channels: channels / settings.groups,
        chunk: CHUNK,
        chunks: first.pixels().div_ceil(CHUNK),
        eps: settings.eps,
        silu: settings.silu.into(),
        has_scale_shift: conditioning.is_some().into(),
        scale_quad: conditioning.map_or(0, |c| c.1[0]),
        shift_quad: conditioning.map_or(0, |c| c.1[1]),
        embedding_stride: conditioning.map_or(0, |c| c.0),
        pad0: 0,
        pad1: 0,
    }
}

pub(super) fn record(
    r: &mut Recording<'_, '_>,
    x: &[TensorId],
    settings: &Settings,
    out: TensorId,
) -> Result<()> {
    let label = r.graph.layer_name(&settings.layer);
    let affine = r.block(&block(r.graph, settings.layer))?;
    let positions = positions(r, label, x)?;
    let params = sizes(r, x, settings);
    let quads = params.a_quads + params.b_quads;
    let items = r.batch * params.chunks * quads;
    let partials = r.partials(u64::from(items) * 8)?;
    let fold = r.rec.gpu.buffer(&format!("{label}.fold"), u64::from(r.batch * quads) * 16)?;
    r.keep(out, &fold);
    let a = r.activation(x[0]);
    let b = x.get(1).map_or_else(|| affine.clone(), |&id| r.activation(id));
    let embedding = settings.scale_shift.map_or_else(|| affine.clone(), |s| r.activation(s[0].tensor));
    let out = r.activation(out);
    let args: Vec<Arg<'_>> = [&a, &b, &affine, &embedding, &positions, &partials, &fold, &out]
        .into_iter()
        .map(Arg::from)
        .collect();
    let key = |entry| KernelKey::new(&GROUP_NORM, entry);
    r.rec.dispatch_items(label, key("stats"), &params, &args, items)?;
    // `dispatch_items` folds workgroups of 64 items into a grid: one workgroup here for each sample and group.
    let workgroups = r.batch * settings.groups;
    r.rec.dispatch_items(label, key("coefficients"), &params, &args, workgroups * 64)?;
    r.rec.dispatch_items(label, key("apply"), &params, &args, r.batch * params.pixels.div_ceil(4) * quads)
}
