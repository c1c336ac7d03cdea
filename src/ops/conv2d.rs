//! Convolution: `shaders/conv2d.wgsl` (GPUs), `conv2d_texel.wgsl` (CPU adapters), `conv2d_naive.wgsl` (reference).

use super::network::Recording;
use super::pack::{self, Channels};
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, KernelKey, Params, Shader, Texels, Tile, params, wgsl};
use crate::graph::{self, TensorId};

params! {
    /// Sizes of a convolution; the fields are explained in `shaders/conv2d.wgsl`.
    pub struct Conv2d {
        /// Output pixels of all samples.
        rows: u32,
        /// Output height.
        out_height: u32,
        /// Output width.
        out_width: u32,
        /// Output channels / 4.
        out_quads: u32,
        /// Stored input height.
        in_height: u32,
        /// Stored input width.
        in_width: u32,
        /// First source's channels / 4.
        a_quads: u32,
        /// Second source's channels / 4, or 0.
        b_quads: u32,
        /// 1 or 3.
        kernel: u32,
        /// 1 or 2.
        stride: u32,
        /// Zeros above and to the left.
        padding: u32,
        /// 1 if the input is read upsampled by 2.
        upsample: u32,
        /// `vec4`s of an embedding row.
        embedding_stride: u32,
        /// First `vec4` of this layer in it.
        embedding_quad: u32,
        /// 1 if an embedding is added.
        has_embedding: u32,
        /// 1 if a residual is added.
        has_residual: u32,
    }
}

params! {
    /// Sizes of a convolution from texels; the fields are explained in `shaders/conv2d_texel.wgsl`.
    pub struct Conv2dTexel {
        /// Output pixels of all samples.
        rows: u32,
        /// Output height.
        out_height: u32,
        /// Output width.
        out_width: u32,
        /// Output channels / 4.
        out_quads: u32,
        /// Stored input height.
        in_height: u32,
        /// Stored input width.
        in_width: u32,
        /// This source's channels / 4.
        x_quads: u32,
        /// All sources' channels / 4.
        k_quads: u32,
        /// 1 or 3.
        kernel: u32,
        /// 1 or 2.
        stride: u32,
        /// Zeros above and to the left.
        padding: u32,
        /// 1 if the input is read upsampled by 2.
        upsample: u32,
        /// `vec4`s of an embedding row.
        embedding_stride: u32,
        /// First `vec4` of this layer in it.
        embedding_quad: u32,
        /// 1 if an embedding is added.
        has_embedding: u32,
        /// 1 if a residual is added.
        has_residual: u32,
        /// Output `vec4`s of the weights, padded to whole tiles.
        weight_quads: u32,
        /// `vec4`s of the sources before this one.
        k_offset: u32,
        /// 1 to add to `out`.
        accumulate: u32,
        /// Unused.
        pad: u32,
    }
}

const BUFFER_BINDINGS: &[(&str, Binding)] = &[
    ("a", Binding::Read),
    ("b", Binding::Read),
    ("weights", Binding::Read),
    ("bias", Binding::Read),
    ("embedding", Binding::Read),
    ("residual", Binding::Read),
    ("out", Binding::ReadWrite),
];

/// `shaders/conv2d.wgsl`.
pub static CONV2D: Shader = Shader {
    name: "conv2d",
    source: wgsl!("conv2d"),
    params: Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d"],
    consts: &[("TILE", &[32, 64])],
};

/// `shaders/conv2d_naive.wgsl`.
pub static CONV2D_NAIVE: Shader = Shader {
    name: "conv2d_naive",
    source: wgsl!("conv2d_naive"),
    params: Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_naive"],
    consts: &[],
};

/// `shaders/conv2d_texel.wgsl`.
pub static CONV2D_TEXEL: Shader = Shader {
    name: "conv2d_texel",
    source: wgsl!("conv2d_texel"),
    params: Conv2dTexel::LAYOUT,
    bindings: &[
        ("x", Binding::Texels),
        ("weights", Binding::Texels),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["conv2d_texel"],
    consts: &[("QUADS", &[1, 4])],
};

/// Quads of output channels that an invocation of `conv2d_texel` has.
fn texel_tile_quads(out_quads: u32) -> u32 {
    if out_quads == 1 { 1 } else { 4 }
}

/// The kernel of a convolution to `out_quads` quads of channels under `tile`.
pub(super) fn kernel(tile: Tile, out_quads: u32) -> KernelKey {
    match tile {
        #[cfg(not(target_arch = "wasm32"))]
        Tile::Naive => KernelKey::new(&CONV2D_NAIVE, "conv2d_naive"),
        Tile::Workgroup { size } => KernelKey { shader: &CONV2D, entry_point: "conv2d", consts: [size, 0] },
        Tile::Registers => {
            let consts = [texel_tile_quads(out_quads), 0];
            KernelKey { shader: &CONV2D_TEXEL, entry_point: "conv2d_texel", consts }
        }
    }
}

pub(super) fn record(r: &mut Recording<'_, '_>, op: &graph::Conv2d) -> Result<()> {
    let label = r.graph.layer_name(&op.layers[0]).to_owned();
    let channels = Channels::of(r.graph, &op.x, op.out);
    let bias = pack::biases(r.graph, r.parameters, &op.layers, &channels)?;
    let bias = r.rec.gpu.buffer_with(&format!("{label}.bias"), &bias)?;
    let embedding = op.add_embedding.map_or_else(|| bias.clone(), |segment| r.activation(segment.tensor));
    let residual = op.residual.map_or_else(|| bias.clone(), |id| r.activation(id));
    let out = r.activation(op.out);
    let sizes = sizes(r, op);
    let taps = (op.kernel * op.kernel) as usize;
    let key = kernel(r.rec.gpu.tile(), sizes.out_quads);
    match r.rec.gpu.tile() {
        Tile::Registers => {
            let quads = texel_tile_quads(sizes.out_quads);
            let width = sizes.out_quads.next_multiple_of(quads) as usize * 4;
            let weights = pack::weights(r.graph, r.parameters, &op.layers, &channels, taps, width)?;
            let weights = r.rec.gpu.texels_with(&format!("{label}.weight"), weights)?;
            let tile = RegisterTile { key, quads, sizes, label: &label };
            let operands = Operands { weights, bias, embedding, residual, out };
            let mut k_offset = 0;
            for &source in &op.x {
                record_from_texels(r, &tile, &operands, source, k_offset)?;
                k_offset += r.graph.tensor(source).quads();
            }
            Ok(())
        }
        _ => {
            let width = sizes.out_quads as usize * 4;
            let weights = pack::weights(r.graph, r.parameters, &op.layers, &channels, taps, width)?;
            let weights = r.rec.gpu.buffer_with(&format!("{label}.weight"), &weights)?;
            let a = r.activation(op.x[0]);
            let b = op.x.get(1).map_or_else(|| bias.clone(), |&id| r.activation(id));
            let args: Vec<Arg<'_>> =
                [&a, &b, &weights, &bias, &embedding, &residual, &out].into_iter().map(Arg::from).collect();
            if let Tile::Workgroup { size } = r.rec.gpu.tile() {
                let groups = [sizes.rows.div_ceil(size), (sizes.out_quads * 4).div_ceil(size), 1];
                r.rec.dispatch(&label, key, &sizes, &args, groups)
            } else {
                r.rec.dispatch_items(&label, key, &sizes, &args, sizes.rows * sizes.out_quads)
            }
        }
    }
}

fn sizes(r: &Recording<'_, '_>, op: &graph::Conv2d) -> Conv2d {
    let (x, out) = (r.graph.tensor(op.x[0]), r.graph.tensor(op.out));
    let embedding = op.add_embedding.map(|segment| {
        let tensor = r.graph.tensor(segment.tensor);
        (tensor.quads(), tensor.quads_before(segment.segment_ix))
    });
    Conv2d {
        rows: r.batch * out.pixels(),
        out_height: out.height,
        out_width: out.width,
        out_quads: out.quads(),
        in_height: x.height,
        in_width: x.width,
        a_quads: x.quads(),
        b_quads: op.x.get(1).map_or(0, |&id| r.graph.tensor(id).quads()),
        kernel: op.kernel,
        stride: op.stride,
        padding: op.padding,
        upsample: op.upsample.into(),
        embedding_stride: embedding.map_or(0, |e| e.0),
        embedding_quad: embedding.map_or(0, |e| e.1),
        has_embedding: embedding.is_some().into(),
        has_residual: op.residual.is_some().into(),
    }
}

struct RegisterTile<'a> {
    key: KernelKey,
    quads: u32,
    sizes: Conv2d,
    label: &'a str,
}

struct Operands {
    weights: Texels,
    bias: Buffer,
    embedding: Buffer,
    residual: Buffer,
    out: Buffer,
}

/// One source's share of the sum; the first also brings bias, embedding and residual.
fn record_from_texels(
    r: &mut Recording<'_, '_>,
    tile: &RegisterTile<'_>,
    operands: &Operands,
    source: TensorId,
    k_offset: u32,
) -> Result<()> {
    let sizes = &tile.sizes;
    let x = r.texels_of(&r.activation(source))?;
    let params = Conv2dTexel {
        rows: sizes.rows,
        out_height: sizes.out_height,
        out_width: sizes.out_width,
        out_quads: sizes.out_quads,
        in_height: sizes.in_height,
        in_width: sizes.in_width,
        x_quads: r.graph.tensor(source).quads(),
        k_quads: sizes.a_quads + sizes.b_quads,
        kernel: sizes.kernel,
        stride: sizes.stride,
        padding: sizes.padding,
        upsample: sizes.upsample,
        embedding_stride: sizes.embedding_stride,
        embedding_quad: sizes.embedding_quad,
        has_embedding: sizes.has_embedding,
        has_residual: sizes.has_residual,
        weight_quads: sizes.out_quads.next_multiple_of(tile.quads),
        k_offset,
        accumulate: (k_offset > 0).into(),
        pad: 0,
    };
    let args: [Arg<'_>; 6] = [
        (&x).into(),
        (&operands.weights).into(),
        (&operands.bias).into(),
        (&operands.embedding).into(),
        (&operands.residual).into(),
        (&operands.out).into(),
    ];
    let groups = [sizes.rows.div_ceil(64), sizes.out_quads.div_ceil(tile.quads), 1];
    r.rec.dispatch(tile.label, tile.key, &params, &args, groups)
}
