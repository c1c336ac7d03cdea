//! Convolution: `shaders/conv2d.wgsl` (GPUs), `conv2d_texel.wgsl` (CPU adapters), `conv2d_naive.wgsl` (reference).
//!
//! Its backward is `gradient.rs`: the input's gradient is a convolution again, with the weights turned round; the weights'
//! gradient has kernels of its own.

mod gradient;
#[cfg(not(target_arch = "wasm32"))]
mod half;
#[cfg(not(target_arch = "wasm32"))]
mod matrices;
#[cfg(not(target_arch = "wasm32"))]
mod split;
#[cfg(not(target_arch = "wasm32"))]
mod winograd;

pub(super) use gradient::record_backward;
pub use gradient::{
    CONV2D_WEIGHT_GRADIENT, CONV2D_WEIGHT_GRADIENT_NAIVE, CONV2D_WEIGHT_GRADIENT_TEXEL, TRANSPOSE_WEIGHTS,
};

#[cfg(not(target_arch = "wasm32"))]
pub use half::CONV2D_HALF;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use half::halves;
#[cfg(not(target_arch = "wasm32"))]
pub use matrices::{CONV2D_MATRICES, CONV2D_WEIGHT_GRADIENT_MATRICES};
#[cfg(not(target_arch = "wasm32"))]
pub use split::{CONV2D_SPLIT, CONV2D_SUM};
#[cfg(not(target_arch = "wasm32"))]
pub use winograd::{
    WINOGRAD_INPUT, WINOGRAD_INPUT_TEXEL, WINOGRAD_OUTPUT, WINOGRAD_OUTPUT_TEXEL, WINOGRAD_PRODUCT,
    WINOGRAD_PRODUCT_TEXEL, WINOGRAD_WEIGHTS,
};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use winograd::{forward_shapes, scratch_words, shapes, transformed_bytes};

use super::block::Block;
use super::recording::Recording;
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, GpuContext, KernelKey, Params, Shader, Texels, Tile, params, wgsl};
use crate::graph::{self, Graph};

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
        /// 1 if the input is read upsampled by 2; 2 if zeros are read between its pixels.
        upsample: u32,
        /// `vec4`s of an embedding row.
        embedding_stride: u32,
        /// First `vec4` of this layer in it.
        embedding_quad: u32,
        /// 1 if an embedding is added.
        has_embedding: u32,
        /// 1 if a residual is added.
        has_residual: u32,
        /// 1 if a bias is added.
        has_bias: u32,
        /// 1 to add to `out`.
        accumulate: u32,
        /// Partial sums; 0 where the sum is not split.
        splits: u32,
        /// By what the input is multiplied before it is rounded to f16, on matrix units.
        scale: f32,
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
        /// 1 if the input is read upsampled by 2; 2 if zeros are read between its pixels.
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
        /// 1 if a bias is added.
        has_bias: u32,
        /// 1 to add to `out`.
        accumulate: u32,
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

/// Quads of output channels that an invocation on CPU adapters has.
fn texel_tile_quads(out_quads: u32) -> u32 {
    if out_quads == 1 { 1 } else { 4 }
}

/// Quads of a row of the weights to `out_quads` quads of channels: whole tiles where the tiles do not check.
fn weight_quads(tile: Tile, out_quads: u32) -> u32 {
    match tile {
        Tile::Registers => out_quads.next_multiple_of(texel_tile_quads(out_quads)),
        _ => out_quads,
    }
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
        #[cfg(not(target_arch = "wasm32"))]
        Tile::Matrices { side, subgroup } => matrices::kernel(&CONV2D_MATRICES, side, subgroup),
    }
}

/// The weights and the bias of a convolution.
pub(super) fn blocks(graph: &Graph, op: &graph::Conv2d, tile: Tile) -> [Block; 2] {
    let label = graph.layer_name(&op.layers[0]);
    let width = weight_quads(tile, graph.tensor(op.out).quads()) * 4;
    let taps = op.kernel * op.kernel;
    [
        Block::weights(graph, label, &op.layers, [&op.x, &[op.out]], taps, width),
        Block::biases(graph, label, &op.layers, op.out),
    ]
}

pub(super) fn record(r: &mut Recording<'_, '_>, op: &graph::Conv2d) -> Result<()> {
    let [weights, bias] = blocks(r.graph, op, r.rec.gpu.tile());
    let sizes = sizes(r.graph, r.batch, op);
    let convolution = Convolution {
        label: r.graph.layer_name(&op.layers[0]),
        sources: op.x.iter().map(|&id| r.activation(id)).collect(),
        weights: layer_weights(r, &weights, &sizes)?,
        sizes,
        bias: Some(r.block(&bias)?),
        embedding: op.add_embedding.map(|segment| r.activation(segment.tensor)),
        residual: op.residual.map(|id| r.activation(id)),
        out: r.activation(op.out),
    };
    convolution.record(r)
}

/// A layer's weights as the kernels of its method read them.
#[cfg_attr(
    target_arch = "wasm32",
    expect(unused_variables, reason = "a page computes every convolution directly")
)]
fn layer_weights(r: &mut Recording<'_, '_>, block: &Block, sizes: &Conv2d) -> Result<LayerWeights> {
    #[cfg(not(target_arch = "wasm32"))]
    if winograd::is_chosen(r.rec.gpu, sizes) {
        return winograd::layer_weights(r, block, sizes);
    }
    #[cfg(not(target_arch = "wasm32"))]
    if half::is_chosen(r.rec.gpu, sizes)
        && let Some(weights) = r.block_halves(block)?
    {
        return Ok(LayerWeights::Halves(weights));
    }
    Ok(match r.rec.gpu.tile() {
        Tile::Registers => LayerWeights::Texels(r.block_texels(block)?),
        _ => LayerWeights::Buffer(r.block(block)?),
    })
}

fn sizes(graph: &Graph, samples: u32, op: &graph::Conv2d) -> Conv2d {
    let (x, out) = (graph.tensor(op.x[0]), graph.tensor(op.out));
    let embedding = op.add_embedding.map(|segment| {
        let tensor = graph.tensor(segment.tensor);
        (tensor.quads(), tensor.quads_before(segment.segment_ix))
    });
    Conv2d {
        rows: samples * out.pixels(),
        out_height: out.height,
        out_width: out.width,
        out_quads: out.quads(),
        in_height: x.height,
        in_width: x.width,
        a_quads: x.quads(),
        b_quads: op.x.get(1).map_or(0, |&id| graph.tensor(id).quads()),
        kernel: op.kernel,
        stride: op.stride,
        padding: op.padding,
        upsample: op.upsample.into(),
        embedding_stride: embedding.map_or(0, |e| e.0),
        embedding_quad: embedding.map_or(0, |e| e.1),
        has_embedding: embedding.is_some().into(),
        has_residual: op.residual.is_some().into(),
        has_bias: 1,
        accumulate: 0,
        splits: 0,
        scale: 1.0,
    }
}

/// The tiling of a convolution of these sizes that is computed directly.
#[cfg(not(target_arch = "wasm32"))]
fn tile(gpu: &GpuContext, sizes: &Conv2d) -> Tile {
    gpu.method(&winograd::shape(sizes)).tile
}

/// The tiling of every convolution: a page measures none.
#[cfg(target_arch = "wasm32")]
fn tile(gpu: &GpuContext, _: &Conv2d) -> Tile {
    gpu.tile()
}

/// One convolution with its operands, forward or as a gradient.
struct Convolution<'a> {
    label: &'a str,
    sizes: Conv2d,
    /// One tensor, or two whose channels are concatenated.
    sources: Vec<Buffer>,
    weights: LayerWeights,
    bias: Option<Buffer>,
    embedding: Option<Buffer>,
    residual: Option<Buffer>,
    out: Buffer,
}

enum LayerWeights {
    Buffer(Buffer),
    Texels(Texels),
    #[cfg(not(target_arch = "wasm32"))]
    Halves(Buffer),
}

impl Convolution<'_> {
    fn record(&self, r: &mut Recording<'_, '_>) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        if winograd::is_chosen(r.rec.gpu, &self.sizes) {
            return winograd::record(self, r);
        }
        let tile = tile(r.rec.gpu, &self.sizes);
        let key = kernel(tile, self.sizes.out_quads);
        match (&self.weights, tile) {
            #[cfg(not(target_arch = "wasm32"))]
            (LayerWeights::Buffer(weights), Tile::Workgroup { size })
                if split::is_chosen(r.rec.gpu, &self.sizes) =>
            {
                split::record(self, r, split::kernel(size), size, weights)
            }
            (LayerWeights::Buffer(weights), Tile::Workgroup { size }) => {
                self.record_tiles(r, key, &self.sizes, size, [weights, &self.out])
            }
            #[cfg(not(target_arch = "wasm32"))]
            (LayerWeights::Buffer(weights), Tile::Matrices { side, .. }) => {
                let args = self.args(weights, &self.out);
                let groups = [self.sizes.rows.div_ceil(8 * side), self.sizes.out_quads.div_ceil(side), 1];
                r.rec.dispatch(self.label, key, &self.sizes, &args, groups)
            }
            (LayerWeights::Buffer(weights), _) => {
                let args = self.args(weights, &self.out);
                let items = self.sizes.rows * self.sizes.out_quads;
                r.rec.dispatch_items(self.label, key, &self.sizes, &args, items)
            }
            #[cfg(not(target_arch = "wasm32"))]
            (LayerWeights::Halves(weights), Tile::Workgroup { size }) => half::record(self, r, size, weights),
            #[cfg(not(target_arch = "wasm32"))]
            (LayerWeights::Halves(_), _) => panic!("{}: f16 weights for {tile:?}", self.label),
            (LayerWeights::Texels(weights), _) => {
                let quads = [self.sizes.a_quads, self.sizes.b_quads];
                let mut k_offset = 0;
                for (source, x_quads) in self.sources.iter().zip(quads) {
                    self.record_from_texels(r, key, weights, source, x_quads, k_offset)?;
                    k_offset += x_quads;
                }
                Ok(())
            }
        }
    }

    /// Records `key`'s kernel in tiles of `size` by `size`, from `weights` to `out`.
    fn record_tiles(
        &self,
        r: &mut Recording<'_, '_>,
        key: KernelKey,
        sizes: &Conv2d,
        size: u32,
        [weights, out]: [&Buffer; 2],
    ) -> Result<()> {
        let groups = [sizes.rows.div_ceil(size), (sizes.out_quads * 4).div_ceil(size), sizes.splits.max(1)];
        r.rec.dispatch(self.label, key, sizes, &self.args(weights, out), groups)
    }

    /// What the kernels that read buffers bind.
    fn args<'a>(&'a self, weights: &'a Buffer, out: &'a Buffer) -> [Arg<'a>; 7] {
        let b = self.sources.get(1).unwrap_or(&self.sources[0]);
        let [bias, embedding, residual] = self.addends();
        [&self.sources[0], b, weights, bias, embedding, residual, out].map(Arg::from)
    }

    /// Bias, embedding and residual; something that is not read where there is none.
    fn addends(&self) -> [&Buffer; 3] {
        [&self.bias, &self.embedding, &self.residual]
            .map(|addend| addend.as_ref().unwrap_or(&self.sources[0]))
    }

    /// One source's share of the sum; the first also brings what is added.
    fn record_from_texels(
        &self,
        r: &mut Recording<'_, '_>,
        key: KernelKey,
        weights: &Texels,
        source: &Buffer,
        x_quads: u32,
        k_offset: u32,
    ) -> Result<()> {
        let sizes = &self.sizes;
        let x = r.texels_of(source)?;
        let (first, tile_quads) = (u32::from(k_offset == 0), texel_tile_quads(sizes.out_quads));
        let params = Conv2dTexel {
            rows: sizes.rows,
            out_height: sizes.out_height,
            out_width: sizes.out_width,
            out_quads: sizes.out_quads,
            in_height: sizes.in_height,
            in_width: sizes.in_width,
            x_quads,
            k_quads: sizes.a_quads + sizes.b_quads,
            kernel: sizes.kernel,
            stride: sizes.stride,
            padding: sizes.padding,
            upsample: sizes.upsample,
            embedding_stride: sizes.embedding_stride,
            embedding_quad: sizes.embedding_quad,
            has_embedding: sizes.has_embedding * first,
            has_residual: sizes.has_residual * first,
            weight_quads: weight_quads(Tile::Registers, sizes.out_quads),
            k_offset,
            has_bias: sizes.has_bias * first,
            accumulate: if first == 1 { sizes.accumulate } else { 1 },
        };
        let [bias, embedding, residual] = self.addends();
        let args: [Arg<'_>; 6] =
            [(&x).into(), weights.into(), bias.into(), embedding.into(), residual.into(), (&self.out).into()];
        let groups = [sizes.rows.div_ceil(64), sizes.out_quads.div_ceil(tile_quads), 1];
        r.rec.dispatch(self.label, key, &params, &args, groups)
    }
}
