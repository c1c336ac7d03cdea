//! 3 × 3 convolutions by Winograd's algorithm F(4 × 4, 3 × 3): `shaders/winograd_*.wgsl`; `winograd_input` explains it.
//!
//! The same four steps serve a convolution, and the gradient of one with respect to its input.

use super::{Conv2d, Convolution, dispatch, kernel, texel_groups, weight_quads};
use crate::error::Result;
#[cfg(feature = "tuning")]
use crate::gpu::ConvShape;
use crate::gpu::{
    Algorithm, Binding, Buffer, GpuContext, KernelKey, Params, Recorder, Shader, Tile, grid, wgsl,
};
use crate::graph::{self, Graph, Op};
use crate::ops::block::Block;
use crate::ops::recording::{Operand, Recording, TexelScratch};

/// Products a tile and pair of channels: the 6 × 6 planes.
const PLANES: u32 = 36;
/// Output pixels a side of a tile.
const TILE_SIDE: u32 = 4;
/// Three weights of a line at the points 0, ±3/4, ±3/2 and ∞, each divided by the product of its distances to the others.
pub(crate) const G: [[f64; 3]; 6] = [
    [64.0 / 81.0, 0.0, 0.0],
    [-128.0 / 243.0, -32.0 / 81.0, -8.0 / 27.0],
    [-128.0 / 243.0, 32.0 / 81.0, -8.0 / 27.0],
    [32.0 / 243.0, 16.0 / 81.0, 8.0 / 27.0],
    [32.0 / 243.0, -16.0 / 81.0, 8.0 / 27.0],
    [0.0, 0.0, 1.0],
];

const fn shader(
    name: &'static str,
    source: &'static str,
    bindings: &'static [(&'static str, Binding)],
    entry_points: &'static [&'static str],
) -> Shader {
    Shader { name, source, params: Conv2d::LAYOUT, bindings, entry_points, consts: &[], host: &[] }
}

/// `shaders/winograd_input.wgsl`.
#[cfg(feature = "tuning")]
pub static WINOGRAD_INPUT: Shader = shader(
    "winograd_input",
    wgsl!("winograd_input"),
    &[("x", Binding::Read), ("planes", Binding::ReadWrite)],
    &["winograd_input"],
);

/// `shaders/winograd_input_texel.wgsl`.
pub static WINOGRAD_INPUT_TEXEL: Shader = shader(
    "winograd_input_texel",
    wgsl!("winograd_input_texel"),
    &[("x", Binding::Texels), ("planes", Binding::ReadWrite)],
    &["winograd_input"],
);

/// `shaders/winograd_weights.wgsl`, of weights that training changes.
pub static WINOGRAD_WEIGHTS: Shader = shader(
    "winograd_weights",
    wgsl!("winograd_weights"),
    &[("weights", Binding::Read), ("planes", Binding::ReadWrite)],
    &["winograd_weights"],
);

/// `shaders/winograd_product.wgsl`; of texels, `conv2d_texel` computes the products.
#[cfg(feature = "tuning")]
pub static WINOGRAD_PRODUCT: Shader = Shader {
    consts: &[("TILE", &[32, 64])],
    ..shader(
        "winograd_product",
        wgsl!("winograd_product"),
        &[("inputs", Binding::Read), ("weights", Binding::Read), ("planes", Binding::ReadWrite)],
        &["winograd_product"],
    )
};

/// `shaders/winograd_output.wgsl`.
#[cfg(feature = "tuning")]
pub static WINOGRAD_OUTPUT: Shader = shader(
    "winograd_output",
    wgsl!("winograd_output"),
    &[
        ("planes", Binding::Read),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    &["winograd_output"],
);

/// `shaders/winograd_output_texel.wgsl`.
pub static WINOGRAD_OUTPUT_TEXEL: Shader = shader(
    "winograd_output_texel",
    wgsl!("winograd_output_texel"),
    &[
        ("planes", Binding::Texels),
        ("bias", Binding::Read),
        ("embedding", Binding::Read),
        ("residual", Binding::Read),
        ("out", Binding::ReadWrite),
    ],
    &["winograd_output"],
);

/// The kernels of the input and of the output under `tile`. Without `tuning` there are those of CPU adapters only,
/// since the rule chooses this algorithm nowhere else.
pub(super) fn kernels(tile: Tile) -> [KernelKey; 2] {
    let (input, output) = match tile {
        #[cfg(feature = "tuning")]
        Tile::Naive | Tile::Workgroup { .. } | Tile::Matrices { .. } => (&WINOGRAD_INPUT, &WINOGRAD_OUTPUT),
        _ => (&WINOGRAD_INPUT_TEXEL, &WINOGRAD_OUTPUT_TEXEL),
    };
    [KernelKey::new(input, "winograd_input"), KernelKey::new(output, "winograd_output")]
}

/// Whether a convolution of these sizes is computed so here.
pub(super) fn is_chosen(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    gpu.method(&sizes.shape()).algorithm == Algorithm::Winograd && fits(gpu, sizes)
}

/// The convolutions of `graph` for `samples` samples, each with the sizes of what it reads.
fn convolutions(graph: &Graph, samples: u32) -> impl Iterator<Item = (&graph::Conv2d, Conv2d)> {
    graph.ops.iter().filter_map(move |op| match op {
        Op::Conv2d(conv) => Some((conv, super::sizes(graph, samples, conv))),
        _ => None,
    })
}

/// The convolutions of `graph` for `samples` samples, one for each operation.
#[cfg(feature = "tuning")]
pub(crate) fn forward_shapes(graph: &Graph, samples: u32) -> Vec<ConvShape> {
    convolutions(graph, samples).map(|(_, sizes)| sizes.shape()).collect()
}

/// The convolutions of `graph` for `samples` samples and their gradients, without repetition.
#[cfg(feature = "tuning")]
pub(crate) fn shapes(graph: &Graph, samples: u32) -> Vec<ConvShape> {
    let mut found = Vec::new();
    let mut add = |shape: ConvShape| {
        if !found.contains(&shape) {
            found.push(shape);
        }
    };
    for (conv, sizes) in convolutions(graph, samples) {
        let forward = sizes.shape();
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

/// Whether what is kept between the steps fits one buffer, or one texture.
fn fits(gpu: &GpuContext, sizes: &Conv2d) -> bool {
    plane_words(sizes).max(weight_words(gpu.tile(), sizes)) * 4
        <= gpu.largest_buffer().min(gpu.largest_texels())
}

/// Words of scratch that the convolutions of `graph` need for `samples` samples where they are computed so: one of the two
/// arrays of planes, and the transformed weights of one layer.
pub(crate) fn scratch_words(gpu: &GpuContext, graph: &Graph, samples: u32) -> [u64; 2] {
    let sizes = convolutions(graph, samples).map(|(_, sizes)| sizes);
    sizes.filter(|sizes| is_chosen(gpu, sizes)).fold([0, 0], |[planes, weights], sizes| {
        [planes.max(plane_words(&sizes)), weights.max(weight_words(gpu.tile(), &sizes))]
    })
}

/// Words of the planes that lie between two steps, the larger of both times.
fn plane_words(sizes: &Conv2d) -> u64 {
    let quads = (sizes.a_quads + sizes.b_quads).max(sizes.out_quads);
    u64::from(PLANES * tiles(sizes)) * u64::from(quads) * 4
}

/// Words of the transformed weights.
fn weight_words(tile: Tile, sizes: &Conv2d) -> u64 {
    u64::from(PLANES * (sizes.a_quads + sizes.b_quads) * 4)
        * u64::from(weight_quads(tile, sizes.out_quads))
        * 4
}

/// Bytes of a layer's transformed weights, without padding.
#[cfg(feature = "tuning")]
pub(crate) fn transformed_bytes(shape: &ConvShape) -> u64 {
    u64::from(PLANES * shape.in_quads * 4) * u64::from(shape.out_quads) * 16
}

fn tiles(sizes: &Conv2d) -> u32 {
    let samples = sizes.rows / (sizes.out_height * sizes.out_width);
    samples * sizes.out_height.div_ceil(TILE_SIDE) * sizes.out_width.div_ceil(TILE_SIDE)
}

/// The products as a convolution of 1 × 1: a line of pixels for each plane, a pixel for each tile.
fn product_sizes(sizes: &Conv2d) -> Conv2d {
    let (height, width) = (PLANES, tiles(sizes));
    Conv2d {
        rows: height * width,
        out_height: height,
        out_width: width,
        out_quads: sizes.out_quads,
        in_height: height,
        in_width: width,
        a_quads: sizes.a_quads + sizes.b_quads,
        kernel: 1,
        stride: 1,
        ..Conv2d::default()
    }
}

/// A layer's weights for the products: transformed here and now, or at every step where training changes them.
pub(super) fn layer_weights(r: &mut Recording<'_, '_>, block: &Block, sizes: &Conv2d) -> Result<Operand> {
    let Some(values) = r.fixed_values(block)? else {
        return trained_weights(r, block, sizes);
    };
    let (gpu, planes) = (r.rec.gpu, transformed(&values));
    Ok(match gpu.tile() {
        Tile::Registers => Operand::Texels(gpu.texels_with(&block.label, planes)?),
        _ => Operand::Buffer(gpu.buffer_with(&block.label, &planes)?),
    })
}

#[cfg(feature = "train")]
fn trained_weights(r: &mut Recording<'_, '_>, block: &Block, sizes: &Conv2d) -> Result<Operand> {
    let values = r.block(block)?;
    changing_weights(r, &block.label, &values, sizes)
}

/// This build trains none.
#[cfg(not(feature = "train"))]
fn trained_weights(_: &mut Recording<'_, '_>, block: &Block, _: &Conv2d) -> Result<Operand> {
    panic!("{} is trained", block.label);
}

/// G w Gᵀ of weights `[9, step]` as planes `[36, step]`.
fn transformed(weights: &[f32]) -> Vec<f32> {
    let step = weights.len() / 9;
    let mut planes = Vec::with_capacity(PLANES as usize * step);
    for down in &G {
        for across in &G {
            for ix in 0..step {
                let tap = |y: usize, x: usize| f64::from(weights[(3 * y + x) * step + ix]);
                let line = |y| across[0] * tap(y, 0) + across[1] * tap(y, 1) + across[2] * tap(y, 2);
                planes.push((down[0] * line(0) + down[1] * line(1) + down[2] * line(2)) as f32);
            }
        }
    }
    planes
}

/// Weights that another dispatch writes before each use: transformed after it.
pub(super) fn changing_weights(
    r: &mut Recording<'_, '_>,
    label: &str,
    values: &Buffer,
    sizes: &Conv2d,
) -> Result<Operand> {
    let transformed = r.transformed(weight_words(r.rec.gpu.tile(), sizes))?;
    transform_weights(&mut r.rec, label, sizes, values, &transformed)?;
    r.operand(&transformed, TexelScratch::Weights)
}

fn transform_weights(
    rec: &mut Recorder<'_>,
    label: &str,
    sizes: &Conv2d,
    values: &Buffer,
    transformed: &Buffer,
) -> Result<()> {
    let key = KernelKey::new(&WINOGRAD_WEIGHTS, "winograd_weights");
    // Whole rows of the weights, with what they are padded with.
    let sizes = Conv2d { out_quads: weight_quads(rec.gpu.tile(), sizes.out_quads), ..*sizes };
    let items = (sizes.a_quads + sizes.b_quads) * 4 * sizes.out_quads;
    rec.dispatch_items(label, key, &sizes, &[values.into(), transformed.into()], items)
}

/// Records the steps of a convolution whose weights are transformed.
pub(super) fn record(convolution: &Convolution<'_>, r: &mut Recording<'_, '_>) -> Result<()> {
    let (label, mut sizes) = (convolution.label, convolution.sizes);
    let [input, output] = kernels(r.rec.gpu.tile());
    let [inputs, products] = r.planes(plane_words(&sizes))?;

    for source in &convolution.sources {
        let groups = grid(tiles(&sizes) * sizes.a_quads);
        dispatch(r, label, input, &sizes, source, &[(&inputs).into()], groups)?;
        sizes.go_on();
    }

    let sizes = convolution.sizes;
    let of_products = product_sizes(&sizes);
    let [bias, embedding, residual] = convolution.addends();
    let (weights, planes) = (convolution.weights.into(), (&products).into());
    match r.rec.gpu.method(&sizes.shape()).tile {
        #[cfg(feature = "tuning")]
        Tile::Workgroup { size } => {
            let key =
                KernelKey { shader: &WINOGRAD_PRODUCT, entry_point: "winograd_product", consts: [size, 0] };
            let groups = [of_products.out_width.div_ceil(size), (sizes.out_quads * 4).div_ceil(size), PLANES];
            dispatch(r, label, key, &of_products, &inputs, &[weights, planes], groups)?;
        }
        tile => {
            // The addends are bound, and not read.
            let rest = [weights, bias, embedding, residual, planes];
            let groups = texel_groups(&of_products, PLANES);
            dispatch(r, label, kernel(tile, sizes.out_quads), &of_products, &inputs, &rest, groups)?;
        }
    }

    let rest = [bias, embedding, residual, (&convolution.out).into()];
    dispatch(r, label, output, &sizes, &products, &rest, grid(tiles(&sizes) * sizes.out_quads))
}
