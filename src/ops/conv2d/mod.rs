//! Convolution: `shaders/conv2d.wgsl` (GPUs), `conv2d_texel.wgsl` (CPU adapters), `conv2d_naive.wgsl` (reference); `winograd.rs`
//! has another algorithm.
//!
//! Its backward is `gradient.rs`: the input's gradient is a convolution again, with the weights turned round; the weights'
//! gradient has kernels of its own.

#[cfg(feature = "train")]
mod gradient;
#[cfg(feature = "tuning")]
mod half;
#[cfg(feature = "tuning")]
mod matrices;
#[cfg(feature = "processor")]
mod processor;
#[cfg(feature = "tuning")]
mod split;
mod winograd;

#[cfg(feature = "train")]
pub(super) use gradient::record_backward;
#[cfg(feature = "train")]
pub use gradient::{
    CONV2D_WEIGHT_GRADIENT, CONV2D_WEIGHT_GRADIENT_NAIVE, CONV2D_WEIGHT_GRADIENT_TEXEL, TRANSPOSE_WEIGHTS,
};
#[cfg(all(feature = "processor", feature = "train"))]
pub(crate) use gradient::{Conv2dWeightGradient, TransposeWeights};

#[cfg(feature = "tuning")]
pub use half::CONV2D_HALF;
#[cfg(feature = "tuning")]
pub(super) use half::halves;
#[cfg(feature = "tuning")]
pub use matrices::CONV2D_MATRICES;
#[cfg(all(feature = "tuning", feature = "train"))]
pub use matrices::CONV2D_WEIGHT_GRADIENT_MATRICES;
#[cfg(feature = "tuning")]
pub use split::{CONV2D_SPLIT, CONV2D_SUM};
#[cfg(feature = "processor")]
pub(crate) use winograd::G as WINOGRAD_G;
pub(crate) use winograd::scratch_words;
#[cfg(feature = "tuning")]
pub use winograd::{WINOGRAD_INPUT, WINOGRAD_OUTPUT, WINOGRAD_PRODUCT};
pub use winograd::{WINOGRAD_INPUT_TEXEL, WINOGRAD_OUTPUT_TEXEL, WINOGRAD_WEIGHTS};
#[cfg(feature = "tuning")]
pub(crate) use winograd::{forward_shapes, shapes, transformed_bytes};

use super::block::Block;
use super::recording::{Operand, Recording, TexelScratch};
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, ConvShape, KernelKey, Params, Shader, Tile, params, wgsl};
use crate::graph::{self, Graph};

params! {
    /// Sizes of a convolution; the fields are explained in `shaders/include/conv2d.wgsl`.
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
        /// Channels / 4 of the first source, or of the one that is read.
        a_quads: u32,
        /// The other source's channels / 4, or 0.
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
        /// Where one source is read at a time: `vec4`s of the sources before it.
        k_offset: u32,
        /// How a processor's weights lie: a [`WeightsLayout`].
        weights_layout: u32,
        /// Unused.
        pad1: u32,
        /// Unused.
        pad2: u32,
    }
}

/// How the weights of a convolution lie on a processor.
#[cfg(feature = "processor")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightsLayout {
    /// As shaders have them, and as training changes them.
    Rows,
    /// Packed for the direct way.
    Panels,
    /// Transformed and packed for Winograd's algorithm.
    Winograd,
}

#[cfg(feature = "processor")]
impl WeightsLayout {
    /// That of a convolution.
    pub(crate) fn of(sizes: &Conv2d) -> Self {
        match sizes.weights_layout {
            0 => Self::Rows,
            1 => Self::Panels,
            _ => Self::Winograd,
        }
    }
}

impl Conv2d {
    /// From a dispatch that reads one source alone on to that for the other, which adds to what the first has stored.
    fn go_on(&mut self) {
        self.k_offset = self.a_quads;
        std::mem::swap(&mut self.a_quads, &mut self.b_quads);
        (self.has_bias, self.has_embedding, self.has_residual) = (0, 0, 0);
        self.accumulate = 1;
    }

    /// What the choice of a method depends on.
    fn shape(&self) -> ConvShape {
        ConvShape {
            samples: self.rows / (self.out_height * self.out_width),
            height: self.out_height,
            width: self.out_width,
            in_quads: self.a_quads + self.b_quads,
            out_quads: self.out_quads,
            kernel: self.kernel,
            stride: self.stride,
            upsample: self.upsample,
        }
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
    host: host!(conv2d::conv2d),
};

/// `shaders/conv2d_naive.wgsl`.
pub static CONV2D_NAIVE: Shader = Shader {
    name: "conv2d_naive",
    source: wgsl!("conv2d_naive"),
    params: Conv2d::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_naive"],
    consts: &[],
    host: &[],
};

/// `shaders/conv2d_texel.wgsl`.
pub static CONV2D_TEXEL: Shader = Shader {
    name: "conv2d_texel",
    source: wgsl!("conv2d_texel"),
    params: Conv2d::LAYOUT,
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
    host: &[],
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

/// The kernel of a convolution to `out_quads` quads of channels that is computed directly under `tile`.
fn kernel(tile: Tile, out_quads: u32) -> KernelKey {
    match tile {
        #[cfg(feature = "processor")]
        Tile::Processor => KernelKey { shader: &CONV2D, entry_point: "conv2d", consts: [0; 2] },
        #[cfg(feature = "tuning")]
        Tile::Naive => KernelKey::new(&CONV2D_NAIVE, "conv2d_naive"),
        Tile::Workgroup { size } => KernelKey { shader: &CONV2D, entry_point: "conv2d", consts: [size, 0] },
        Tile::Registers => {
            let consts = [texel_tile_quads(out_quads), 0];
            KernelKey { shader: &CONV2D_TEXEL, entry_point: "conv2d_texel", consts }
        }
        #[cfg(feature = "tuning")]
        Tile::Matrices { side, subgroup } => matrices::kernel(&CONV2D_MATRICES, side, subgroup),
    }
}

/// The kernels that convolutions need under `tile` where the rule chooses the methods.
pub(super) fn kernels(tile: Tile) -> Vec<KernelKey> {
    match tile {
        Tile::Registers => {
            let [input, output] = winograd::kernels(tile);
            vec![input, output, kernel(tile, 1), kernel(tile, 4)]
        }
        _ => vec![kernel(tile, 1)],
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
    let mut sizes = sizes(r.graph, r.batch, op);
    let weights = layer_weights(r, &weights, &mut sizes)?;
    let convolution = Convolution {
        label: r.graph.layer_name(&op.layers[0]),
        sources: op.x.iter().map(|&id| r.activation(id)).collect(),
        weights: &weights,
        sizes,
        bias: Some(r.block(&bias)?),
        embedding: op.add_embedding.map(|segment| r.activation(segment.tensor)),
        residual: op.residual.map(|id| r.activation(id)),
        out: r.activation(op.out),
    };
    convolution.record(r)
}

/// A layer's weights as the kernels of its method read them.
fn layer_weights(r: &mut Recording<'_, '_>, block: &Block, sizes: &mut Conv2d) -> Result<Operand> {
    #[cfg(feature = "processor")]
    if let Some(processor) = r.rec.gpu.processor() {
        let level = processor.level();
        return processor::layer_weights(r, level, block, sizes).map(Operand::Buffer);
    }
    if winograd::is_chosen(r.rec.gpu, sizes) {
        return winograd::layer_weights(r, block, sizes);
    }
    #[cfg(feature = "tuning")]
    if half::is_chosen(r.rec.gpu, sizes)
        && let Some(weights) = r.block_halves(block)?
    {
        return Ok(Operand::Halves(weights));
    }
    Ok(match r.rec.gpu.tile() {
        Tile::Registers => Operand::Texels(r.block_texels(block)?),
        _ => Operand::Buffer(r.block(block)?),
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
        scale: 1.0,
        ..Conv2d::default()
    }
}

/// One convolution with its operands, forward or as a gradient.
struct Convolution<'a> {
    label: &'a str,
    sizes: Conv2d,
    /// One tensor, or two whose channels are concatenated.
    sources: Vec<Buffer>,
    weights: &'a Operand,
    bias: Option<Buffer>,
    embedding: Option<Buffer>,
    residual: Option<Buffer>,
    out: Buffer,
}

impl Convolution<'_> {
    fn record(&self, r: &mut Recording<'_, '_>) -> Result<()> {
        if winograd::is_chosen(r.rec.gpu, &self.sizes) {
            return winograd::record(self, r);
        }
        let tile = r.rec.gpu.method(&self.sizes.shape()).tile;
        let (key, sizes) = (kernel(tile, self.sizes.out_quads), &self.sizes);
        match tile {
            #[cfg(feature = "tuning")]
            Tile::Workgroup { size } if matches!(self.weights, Operand::Halves(_)) => {
                half::record(self, r, size)
            }
            #[cfg(feature = "tuning")]
            Tile::Workgroup { size } if split::is_chosen(r.rec.gpu, sizes) => {
                split::record(self, r, split::kernel(size), size)
            }
            Tile::Workgroup { size } => self.record_tiles(r, key, sizes, size, &self.out),
            #[cfg(feature = "processor")]
            Tile::Processor => self.record_buffers(r, key, sizes, &self.out, [1; 3]),
            Tile::Registers => self.record_from_texels(r, key),
            #[cfg(feature = "tuning")]
            Tile::Matrices { side, .. } => {
                let groups = [sizes.rows.div_ceil(8 * side), sizes.out_quads.div_ceil(side), 1];
                self.record_buffers(r, key, sizes, &self.out, groups)
            }
            #[cfg(feature = "tuning")]
            Tile::Naive => {
                self.record_buffers(r, key, sizes, &self.out, crate::gpu::grid(sizes.rows * sizes.out_quads))
            }
        }
    }

    /// Records `key`'s kernel in tiles of `size` by `size`, into `out`.
    fn record_tiles(
        &self,
        r: &mut Recording<'_, '_>,
        key: KernelKey,
        sizes: &Conv2d,
        size: u32,
        out: &Buffer,
    ) -> Result<()> {
        let groups = [sizes.rows.div_ceil(size), (sizes.out_quads * 4).div_ceil(size), sizes.splits.max(1)];
        self.record_buffers(r, key, sizes, out, groups)
    }

    /// Records `key`'s kernel, which reads both sources from buffers, into `out`.
    fn record_buffers(
        &self,
        r: &mut Recording<'_, '_>,
        key: KernelKey,
        sizes: &Conv2d,
        out: &Buffer,
        groups: [u32; 3],
    ) -> Result<()> {
        let b = self.sources.get(1).unwrap_or(&self.sources[0]);
        let [bias, embedding, residual] = self.addends();
        let rest = [b.into(), self.weights.into(), bias, embedding, residual, out.into()];
        dispatch(r, self.label, key, sizes, &self.sources[0], &rest, groups)
    }

    /// Records `key`'s kernel, which reads one source at a time, as texels.
    fn record_from_texels(&self, r: &mut Recording<'_, '_>, key: KernelKey) -> Result<()> {
        let [bias, embedding, residual] = self.addends();
        let rest = [self.weights.into(), bias, embedding, residual, (&self.out).into()];
        let mut sizes = self.sizes;
        for source in &self.sources {
            dispatch(r, self.label, key, &sizes, source, &rest, texel_groups(&sizes, 1))?;
            sizes.go_on();
        }
        Ok(())
    }

    /// Bias, embedding and residual; something that is not read where there is none.
    fn addends(&self) -> [Arg<'_>; 3] {
        [self.bound(&self.bias), self.bound(&self.embedding), self.bound(&self.residual)]
    }

    fn bound<'a>(&'a self, addend: &'a Option<Buffer>) -> Arg<'a> {
        addend.as_ref().unwrap_or(&self.sources[0]).into()
    }
}

/// A dispatch that reads `source`, as this adapter's kernels do, and the rest.
fn dispatch(
    r: &mut Recording<'_, '_>,
    label: &str,
    key: KernelKey,
    sizes: &Conv2d,
    source: &Buffer,
    rest: &[Arg<'_>],
    groups: [u32; 3],
) -> Result<()> {
    let x = r.operand(source, TexelScratch::Input)?;
    let mut args = vec![(&x).into()];
    args.extend_from_slice(rest);
    r.rec.dispatch(label, key, sizes, &args, groups)
}

/// Workgroups of `conv2d_texel` for `products` products whose rows `sizes` has together.
fn texel_groups(sizes: &Conv2d, products: u32) -> [u32; 3] {
    let blocks =
        (sizes.rows / products).div_ceil(4) * sizes.out_quads.div_ceil(texel_tile_quads(sizes.out_quads));
    [blocks.div_ceil(32), 1, products]
}
