//! 3 × 3 convolutions by Winograd's algorithm F(4 × 4, 3 × 3): `shaders/winograd_*.wgsl`; `winograd_input` explains it.
//!
//! The same four steps serve a convolution, and the gradient of one with respect to its input.

use super::{Conv2d, Convolution, LayerWeights, texel_tile_quads, weight_quads};
use crate::error::Result;
use crate::gpu::{
    Algorithm, Arg, Binding, Buffer, ConvShape, GpuContext, KernelKey, Params, Recorder, Shader, TEXEL_ROW,
    Tile, params, wgsl,
};
use crate::graph::{self, Graph, Op};
use crate::ops::block::Block;
use crate::ops::recording::{Recording, TexelScratch};

params! {
    /// Sizes of a convolution by Winograd's algorithm; the fields are explained in `shaders/include/winograd.wgsl`.
    pub struct Winograd {
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
        /// 1.
        stride: u32,
        /// 1.
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
        /// 1 if a bias is added.
        has_bias: u32,
        /// 1 to add to `out`.
        accumulate: u32,
        /// Tiles down a sample.
        tiles_down: u32,
        /// Tiles across a sample.
        tiles_across: u32,
        /// Tiles of all samples.
        tiles: u32,
        /// This source's channels / 4.
        x_quads: u32,
        /// All sources' channels / 4.
        k_quads: u32,
        /// `vec4`s of the sources before this one.
        k_offset: u32,
        /// `vec4`s of a row of the weights.
        weight_quads: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// Products a tile and pair of channels: the 6 × 6 planes.
const PLANES: u32 = 36;
/// Output pixels a side of a tile.
const TILE_SIDE: u32 = 4;

/// `shaders/winograd_input.wgsl`.
pub static WINOGRAD_INPUT: Shader = Shader {
    name: "winograd_input",
    source: wgsl!("winograd_input"),
    params: Winograd::LAYOUT,
    bindings: &[("x", Binding::Read), ("planes", Binding::ReadWrite)],
    entry_points: &["winograd_input"],
    consts: &[],
};

/// `shaders/winograd_input_texel.wgsl`.
pub static WINOGRAD_INPUT_TEXEL: Shader = Shader {
    name: "winograd_input_texel",
    source: wgsl!("winograd_input_texel"),
    params: Winograd::LAYOUT,
    bindings: &[("x", Binding::Texels), ("planes", Binding::ReadWrite)],
    entry_points: &["winograd_input"],
    consts: &[],
};

/// `shaders/winograd_weights.wgsl`.
pub static WINOGRAD_WEIGHTS: Shader = Shader {
    name: "winograd_weights",
    source: wgsl!("winograd_weights"),
    params: Winograd::LAYOUT,
    bindings: &[("weights", Binding::Read), ("transformed", Binding::ReadWrite)],
    entry_points: &["winograd_weights"],
    consts: &[],
};

/// `shaders/winograd_product.wgsl`.
pub static WINOGRAD_PRODUCT: Shader = Shader {
    name: "winograd_product",
    source: wgsl!("winograd_product"),
    params: Winograd::LAYOUT,
    bindings: &[("inputs", Binding::Read), ("weights", Binding::Read), ("planes", Binding::ReadWrite)],
    entry_points: &["winograd_product"],
    consts: &[("TILE", &[32, 64])],
};

/// `shaders/winograd_product_texel.wgsl`.
pub static WINOGRAD_PRODUCT_TEXEL: Shader = Shader {
    name: "winograd_product_texel",
    source: wgsl!("winograd_product_texel"),
    params: Winograd::LAYOUT,
    bindings: &[("inputs", Binding::Texels), ("weights", Binding::Texels), ("planes", Binding::ReadWrite)],
    entry_points: &["winograd_product_texel"],
    consts: &[("QUADS", &[1, 4])],
};

/// `shaders/winograd_output.wgsl`.
pub static WINOGRAD_OUTPUT: Shader = Shader {
    name: "winograd_output",
    source: wgsl!("winograd_output"),
    params: Winograd::LAYOUT,
    bindings: &[
        ("planes", Binding::Read),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["winograd_output"],
    consts: &[],
};

/// `shaders/winograd_output_texel.wgsl`.
pub static WINOGRAD_OUTPUT_TEXEL: Shader = Shader {
    name: "winograd_output_texel",
    source: wgsl!("winograd_output_texel"),
    params: Winograd::LAYOUT,
    bindings: &[
        ("planes", Binding::Texels),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    entry_points: &["winograd_output"],
    consts: &[],
};

/// Whether a convolution of these sizes is computed so here.
pub(super) fn is_chosen(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    gpu.method(&shape(sizes)).algorithm == Algorithm::Winograd && fits(gpu, sizes)
}

/// The convolutions of `graph` for `samples` samples, each with the sizes of what it reads.
fn convolutions(graph: &Graph, samples: u32) -> impl Iterator<Item = (&graph::Conv2d, Conv2d)> {
    graph.ops.iter().filter_map(move |op| match op {
        Op::Conv2d(conv) => Some((conv, super::sizes(graph, samples, conv))),
        _ => None,
    })
}

/// The convolutions of `graph` for `samples` samples, one for each operation.
pub(crate) fn forward_shapes(graph: &Graph, samples: u32) -> Vec<ConvShape> {
    convolutions(graph, samples).map(|(_, sizes)| shape(&sizes)).collect()
}

/// The convolutions of `graph` for `samples` samples and their gradients, without repetition.
pub(crate) fn shapes(graph: &Graph, samples: u32) -> Vec<ConvShape> {
    let mut found = Vec::new();
    let mut add = |shape: ConvShape| {
        if !found.contains(&shape) {
            found.push(shape);
        }
    };
    for (conv, sizes) in convolutions(graph, samples) {
        let forward = shape(&sizes);
        add(forward);
        for &source in &conv.x {
            // As `record_backward` has them.
            let (x, scale) = (graph.tensor(source), if conv.upsample { 2 } else { 1 });
            add(ConvShape {
                height: x.height * scale,
                width: x.width * scale,
                in_quads: forward.out_quads,
                out_quads: x.quads(),
                stride: 1,
                upsample: if forward.stride == 2 { 2 } else { 0 },
                ..forward
            });
        }
    }
    found
}

/// What the choice of a method depends on.
pub(super) fn shape(sizes: &Conv2d) -> ConvShape {
    ConvShape {
        samples: sizes.rows / (sizes.out_height * sizes.out_width),
        height: sizes.out_height,
        width: sizes.out_width,
        in_quads: sizes.a_quads + sizes.b_quads,
        out_quads: sizes.out_quads,
        kernel: sizes.kernel,
        stride: sizes.stride,
        upsample: sizes.upsample,
    }
}

/// Whether what is kept between the steps fits one buffer, or one texture.
fn fits(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    let limits = gpu.device().limits();
    let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let texel_bytes = u64::from(limits.max_texture_dimension_2d) * u64::from(TEXEL_ROW) * 16;
    let params = params(gpu.tile(), sizes);
    plane_words(sizes).max(weight_words(&params)) * 4 <= bytes.min(texel_bytes)
}

/// Words of scratch that the convolutions of `graph` need for `samples` samples where they are computed so: one of the two
/// arrays of planes, and the transformed weights of one layer.
pub(crate) fn scratch_words(gpu: &GpuContext, graph: &Graph, samples: u32) -> [u64; 2] {
    let sizes = convolutions(graph, samples).map(|(_, sizes)| sizes);
    sizes.filter(|sizes| is_chosen(gpu, sizes)).fold([0, 0], |[planes, weights], sizes| {
        [planes.max(plane_words(&sizes)), weights.max(weight_words(&params(gpu.tile(), &sizes)))]
    })
}

/// Words of the planes that lie between two steps, the larger of both times.
fn plane_words(sizes: &Conv2d) -> u64 {
    let quads = (sizes.a_quads + sizes.b_quads).max(sizes.out_quads);
    u64::from(PLANES * tiles(sizes)) * u64::from(quads) * 4
}

/// Words of the transformed weights.
fn weight_words(params: &Winograd) -> u64 {
    u64::from(PLANES * params.k_quads * 4) * u64::from(params.weight_quads) * 4
}

/// Bytes of a layer's transformed weights, without padding.
pub(crate) fn transformed_bytes(shape: &ConvShape) -> u64 {
    u64::from(PLANES * shape.in_quads * 4) * u64::from(shape.out_quads) * 16
}

fn tiles(sizes: &Conv2d) -> u32 {
    let samples = sizes.rows / (sizes.out_height * sizes.out_width);
    samples * sizes.out_height.div_ceil(TILE_SIDE) * sizes.out_width.div_ceil(TILE_SIDE)
}

fn params(tile: Tile, sizes: &Conv2d) -> Winograd {
    Winograd {
        rows: sizes.rows,
        out_height: sizes.out_height,
        out_width: sizes.out_width,
        out_quads: sizes.out_quads,
        in_height: sizes.in_height,
        in_width: sizes.in_width,
        stride: 1,
        padding: 1,
        upsample: sizes.upsample,
        embedding_stride: sizes.embedding_stride,
        embedding_quad: sizes.embedding_quad,
        has_embedding: sizes.has_embedding,
        has_residual: sizes.has_residual,
        has_bias: sizes.has_bias,
        accumulate: sizes.accumulate,
        tiles_down: sizes.out_height.div_ceil(TILE_SIDE),
        tiles_across: sizes.out_width.div_ceil(TILE_SIDE),
        tiles: tiles(sizes),
        x_quads: sizes.a_quads,
        k_quads: sizes.a_quads + sizes.b_quads,
        k_offset: 0,
        weight_quads: weight_quads(tile, sizes.out_quads),
        pad0: 0,
        pad1: 0,
    }
}

/// A layer's weights for the products: transformed here and now, or at every step where training changes them.
pub(super) fn layer_weights(
    r: &mut Recording<'_, '_>,
    block: &Block,
    sizes: &Conv2d,
) -> Result<LayerWeights> {
    let values = r.block(block)?;
    if r.is_trained(block) {
        return changing_weights(r, &block.label, &values, sizes);
    }
    let (gpu, params) = (r.rec.gpu, params(r.rec.gpu.tile(), sizes));
    let transformed = gpu.buffer(&block.label, weight_words(&params))?;
    let mut once = Recorder::new(gpu);
    transform_weights(&mut once, &block.label, &params, &values, &transformed)?;
    let weights = match gpu.tile() {
        Tile::Registers => {
            let texels = gpu.texels(&block.label, transformed.texel_rows())?;
            once.copy_to_texels(&transformed, &texels);
            LayerWeights::Texels(texels)
        }
        _ => LayerWeights::Buffer(transformed),
    };
    once.finish().submit(gpu);
    Ok(weights)
}

/// Weights that another dispatch writes before each use: transformed after it.
pub(super) fn changing_weights(
    r: &mut Recording<'_, '_>,
    label: &str,
    values: &Buffer,
    sizes: &Conv2d,
) -> Result<LayerWeights> {
    let params = params(r.rec.gpu.tile(), sizes);
    let transformed = r.transformed(weight_words(&params))?;
    transform_weights(&mut r.rec, label, &params, values, &transformed)?;
    match r.rec.gpu.tile() {
        Tile::Registers => Ok(LayerWeights::Texels(r.copied(&transformed, TexelScratch::Weights)?)),
        _ => Ok(LayerWeights::Buffer(transformed)),
    }
}

fn transform_weights(
    rec: &mut Recorder<'_>,
    label: &str,
    params: &Winograd,
    values: &Buffer,
    transformed: &Buffer,
) -> Result<()> {
    let key = KernelKey::new(&WINOGRAD_WEIGHTS, "winograd_weights");
    let items = params.k_quads * 4 * params.weight_quads;
    rec.dispatch_items(label, key, params, &[values.into(), transformed.into()], items)
}

/// Records the steps of a convolution whose weights are transformed.
pub(super) fn record(convolution: &Convolution<'_>, r: &mut Recording<'_, '_>) -> Result<()> {
    let (sizes, label) = (&convolution.sizes, convolution.label);
    let params = params(r.rec.gpu.tile(), sizes);
    let planes = r.planes(plane_words(sizes))?;

    let mut k_offset = 0;
    for (source, x_quads) in convolution.sources.iter().zip([sizes.a_quads, sizes.b_quads]) {
        let params = Winograd { x_quads, k_offset, ..params };
        k_offset += x_quads;
        let items = params.tiles * x_quads;
        match r.rec.gpu.tile() {
            Tile::Registers => {
                let x = r.texels_of(source)?;
                let key = KernelKey::new(&WINOGRAD_INPUT_TEXEL, "winograd_input");
                r.rec.dispatch_items(label, key, &params, &[(&x).into(), (&planes[0]).into()], items)?;
            }
            _ => {
                let key = KernelKey::new(&WINOGRAD_INPUT, "winograd_input");
                r.rec.dispatch_items(label, key, &params, &[source.into(), (&planes[0]).into()], items)?;
            }
        }
    }

    match (r.rec.gpu.method(&shape(sizes)).tile, &convolution.weights) {
        (Tile::Registers, LayerWeights::Texels(weights)) => {
            let inputs = r.copied(&planes[0], TexelScratch::Planes)?;
            let quads = texel_tile_quads(params.out_quads);
            let shader = &WINOGRAD_PRODUCT_TEXEL;
            let key = KernelKey { shader, entry_point: shader.entry_points[0], consts: [quads, 0] };
            let items = params.tiles.div_ceil(4) * params.out_quads.div_ceil(quads);
            let args = [(&inputs).into(), weights.into(), (&planes[0]).into()];
            r.rec.dispatch(label, key, &params, &args, [items.div_ceil(32), PLANES, 1])?;
        }
        (Tile::Workgroup { size }, LayerWeights::Buffer(weights)) => {
            let shader = &WINOGRAD_PRODUCT;
            let key = KernelKey { shader, entry_point: shader.entry_points[0], consts: [size, 0] };
            let args = [&planes[0], weights, &planes[1]].map(Arg::from);
            let groups = [params.tiles.div_ceil(size), (params.out_quads * 4).div_ceil(size), PLANES];
            r.rec.dispatch(label, key, &params, &args, groups)?;
        }
        (tile, _) => panic!("{label}: weights for {tile:?}"),
    }

    let [bias, embedding, residual] = convolution.addends().map(Arg::from);
    let items = params.tiles * params.out_quads;
    let out = (&convolution.out).into();
    match r.rec.gpu.tile() {
        Tile::Registers => {
            let planes = r.copied(&planes[0], TexelScratch::Planes)?;
            let key = KernelKey::new(&WINOGRAD_OUTPUT_TEXEL, "winograd_output");
            let args = [(&planes).into(), bias, embedding, residual, out];
            r.rec.dispatch_items(label, key, &params, &args, items)
        }
        _ => {
            let key = KernelKey::new(&WINOGRAD_OUTPUT, "winograd_output");
            let args = [(&planes[1]).into(), bias, embedding, residual, out];
            r.rec.dispatch_items(label, key, &params, &args, items)
        }
    }
}
