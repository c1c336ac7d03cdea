//! A convolution's backward: `shaders/transpose_weights.wgsl` and `conv2d_weight_gradient*.wgsl`.
//!
//! - d_x: a convolution of d_out with the weights turned round; from a stride of 2 with zeros between d_out's pixels; from
//!   an upsampled input at the upsampled size, then summed over each 2 × 2.
//! - d_weight: a product over all output pixels, split where too few workgroups would run.
//! - d_bias and the added embedding's gradient: sums of d_out over pixels. The residual's is d_out itself.

#[cfg(feature = "tuning")]
use super::{CONV2D_WEIGHT_GRADIENT_MATRICES, matrices};
use super::{Conv2d, Convolution, blocks, texel_tile_quads, weight_quads, winograd};
use crate::error::Result;
use crate::gpu::{Binding, Buffer, KernelKey, Params, Shader, Tile, params, wgsl};
use crate::graph::{self, TensorId};
use crate::ops::backward::Backward;
use crate::ops::block::Block;
use crate::ops::recording::{Operand, TexelScratch};
use crate::ops::{accumulate, channel_sums, sum_partials};

params! {
    /// Sizes of a weight gradient; the fields are explained in `shaders/include/conv2d_splits.wgsl`.
    pub struct Conv2dWeightGradient {
        /// Batch size.
        samples: u32,
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
        /// `vec4`s of the sources before this one.
        k_offset: u32,
        /// 1 or 3.
        kernel: u32,
        /// 1 or 2.
        stride: u32,
        /// Zeros above and to the left.
        padding: u32,
        /// 1 if the input is read upsampled by 2.
        upsample: u32,
        /// `vec4`s of a row of the weights.
        weight_quads: u32,
        /// Partial sums.
        splits: u32,
        /// By what d_out is multiplied before it is rounded to f16, on matrix units.
        scale: f32,
    }
}

params! {
    /// Sizes of a transposition; the fields are explained in `shaders/transpose_weights.wgsl`.
    pub struct TransposeWeights {
        /// kernel · kernel.
        taps: u32,
        /// All sources' channels / 4.
        k_quads: u32,
        /// `vec4`s of the sources before this one.
        k_offset: u32,
        /// This source's channels / 4.
        x_quads: u32,
        /// Output channels / 4.
        out_quads: u32,
        /// `vec4`s of a row of the weights.
        weight_quads: u32,
        /// `vec4`s of a row of the transposed weights.
        width: u32,
        /// Unused.
        pad: u32,
    }
}

pub(super) const BUFFER_BINDINGS: &[(&str, Binding)] =
    &[("x", Binding::Read), ("d_out", Binding::Read), ("partials", Binding::ReadWrite)];

/// `shaders/conv2d_weight_gradient.wgsl`.
pub static CONV2D_WEIGHT_GRADIENT: Shader = Shader {
    name: "conv2d_weight_gradient",
    source: wgsl!("conv2d_weight_gradient"),
    params: Conv2dWeightGradient::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_weight_gradient"],
    consts: &[("TILE", &[32, 64])],
    host: host!(conv2d_weight_gradient::conv2d_weight_gradient),
};

/// `shaders/conv2d_weight_gradient_naive.wgsl`.
pub static CONV2D_WEIGHT_GRADIENT_NAIVE: Shader = Shader {
    name: "conv2d_weight_gradient_naive",
    source: wgsl!("conv2d_weight_gradient_naive"),
    params: Conv2dWeightGradient::LAYOUT,
    bindings: BUFFER_BINDINGS,
    entry_points: &["conv2d_weight_gradient_naive"],
    consts: &[],
    host: &[],
};

/// `shaders/conv2d_weight_gradient_texel.wgsl`.
pub static CONV2D_WEIGHT_GRADIENT_TEXEL: Shader = Shader {
    name: "conv2d_weight_gradient_texel",
    source: wgsl!("conv2d_weight_gradient_texel"),
    params: Conv2dWeightGradient::LAYOUT,
    bindings: &[("x", Binding::Texels), ("d_out", Binding::Texels), ("partials", Binding::ReadWrite)],
    entry_points: &["conv2d_weight_gradient_texel"],
    consts: &[("QUADS", &[1, 4])],
    host: &[],
};

/// `shaders/transpose_weights.wgsl`.
pub static TRANSPOSE_WEIGHTS: Shader = Shader {
    name: "transpose_weights",
    source: wgsl!("transpose_weights"),
    params: TransposeWeights::LAYOUT,
    bindings: &[("weights", Binding::Read), ("out", Binding::ReadWrite)],
    entry_points: &["transpose_weights"],
    consts: &[],
    host: host!(transpose_weights::transpose_weights),
};

pub(in crate::ops) fn record_backward(b: &mut Backward<'_, '_, '_>, op: &graph::Conv2d) -> Result<()> {
    let d_out = b.gradient_of(op.out);
    let [weights, bias] = blocks(b.r.graph, op, b.r.rec.gpu.tile());
    let d_out_operand = b.r.operand(&d_out, TexelScratch::OutputGradient)?;

    let mut k_offset = 0;
    for &source in &op.x {
        record_weights(b, op, &weights, source, k_offset, &d_out_operand)?;
        k_offset += b.r.graph.tensor(source).quads();
    }
    sum_weights(b, op, &weights)?;
    record_sums(b, op, &bias, &d_out)?;

    let mut k_offset = 0;
    for &source in &op.x {
        if b.is_wanted(source) {
            record_input(b, op, &weights, source, k_offset, &d_out)?;
        }
        k_offset += b.r.graph.tensor(source).quads();
    }
    if let Some(residual) = op.residual {
        b.add(residual, &d_out)?;
    }
    Ok(())
}

/// The tiling of a weights' gradient between so many quads of channels, those of all sources and those of the output.
#[cfg(feature = "tuning")]
fn weights_tile(tile: Tile, quads: [u32; 2]) -> Tile {
    tile.for_quads(quads)
}

/// The tiling of every weights' gradient: without them there are no matrix units.
#[cfg(not(feature = "tuning"))]
fn weights_tile(tile: Tile, _: [u32; 2]) -> Tile {
    tile
}

/// Words of all partial sums of a weights' gradient on a processor, about.
#[cfg(feature = "processor")]
const PROCESSOR_WORDS: u32 = 1 << 18;

/// By what a gradient is multiplied before it is rounded to f16, where it is.
fn operand_scale(b: &Backward<'_, '_, '_>) -> f32 {
    match b.r.rec.gpu.tile() {
        #[cfg(feature = "tuning")]
        Tile::Matrices { .. } => matrices::gradient_scale(b.r.graph, b.r.batch),
        _ => 1.0,
    }
}

/// Sizes of the weights' gradient from one source; `splits` counts the partial sums.
fn weight_sizes(
    b: &Backward<'_, '_, '_>,
    op: &graph::Conv2d,
    source: TensorId,
    k_offset: u32,
) -> Conv2dWeightGradient {
    let graph = b.r.graph;
    let (x, out) = (graph.tensor(source), graph.tensor(op.out));
    let (taps, k_quads) =
        (op.kernel * op.kernel, op.x.iter().map(|&id| graph.tensor(id).quads()).sum::<u32>());
    let tile = weights_tile(b.r.rec.gpu.tile(), [k_quads, out.quads()]);
    let weight_quads = weight_quads(tile, out.quads());
    // Workgroups without a split, and as many as keep the adapter busy.
    let (workgroups, wanted) = match tile {
        #[cfg(feature = "tuning")]
        Tile::Naive => (1, 1),
        // As many as threads might share, unless adding them up would take longer.
        #[cfg(feature = "processor")]
        Tile::Processor => {
            (taps * k_quads * weight_quads * 16, PROCESSOR_WORDS.min(16 * taps * k_quads * weight_quads * 16))
        }
        Tile::Workgroup { size } => {
            ((k_quads * 4).div_ceil(size) * (weight_quads * 4).div_ceil(size) * taps, 256)
        }
        Tile::Registers => {
            ((taps * k_quads).div_ceil(16) * weight_quads.div_ceil(texel_tile_quads(out.quads())), 32)
        }
        #[cfg(feature = "tuning")]
        Tile::Matrices { side, .. } => (k_quads.div_ceil(side) * weight_quads.div_ceil(side) * taps, 256),
    };
    Conv2dWeightGradient {
        samples: b.r.batch,
        out_height: out.height,
        out_width: out.width,
        out_quads: out.quads(),
        in_height: x.height,
        in_width: x.width,
        x_quads: x.quads(),
        k_quads,
        k_offset,
        kernel: op.kernel,
        stride: op.stride,
        padding: op.padding,
        upsample: op.upsample.into(),
        weight_quads,
        splits: u32::div_ceil(wanted, workgroups).min(b.r.batch * out.height),
        scale: operand_scale(b),
    }
}

/// One source's rows of the weights' gradient, as partial sums.
fn record_weights(
    b: &mut Backward<'_, '_, '_>,
    op: &graph::Conv2d,
    weights: &Block,
    source: TensorId,
    k_offset: u32,
    d_out: &Operand,
) -> Result<()> {
    let params = weight_sizes(b, op, source, k_offset);
    let (label, taps) = (b.r.graph.layer_name(&op.layers[0]), op.kernel * op.kernel);
    let partials = b.r.partials(u64::from(params.splits) * weights.words as u64)?;
    let x = b.r.operand(&b.r.activation(source), TexelScratch::Input)?;
    let args = [(&x).into(), d_out.into(), (&partials).into()];
    match weights_tile(b.r.rec.gpu.tile(), [params.k_quads, params.out_quads]) {
        Tile::Registers => {
            let quads = texel_tile_quads(params.out_quads);
            let shader = &CONV2D_WEIGHT_GRADIENT_TEXEL;
            let key = KernelKey { shader, entry_point: shader.entry_points[0], consts: [quads, 0] };
            let groups =
                [(taps * params.x_quads).div_ceil(16), params.weight_quads.div_ceil(quads), params.splits];
            b.r.rec.dispatch(label, key, &params, &args, groups)
        }
        #[cfg(feature = "processor")]
        Tile::Processor => {
            let key = KernelKey::new(&CONV2D_WEIGHT_GRADIENT, "conv2d_weight_gradient");
            b.r.rec.dispatch(label, key, &params, &args, [1; 3])
        }
        Tile::Workgroup { size } => {
            let shader = &CONV2D_WEIGHT_GRADIENT;
            let key = KernelKey { shader, entry_point: shader.entry_points[0], consts: [size, 0] };
            let tiles = |quads: u32| (quads * 4).div_ceil(size);
            let groups = [tiles(params.x_quads), tiles(params.weight_quads), taps * params.splits];
            b.r.rec.dispatch(label, key, &params, &args, groups)
        }
        #[cfg(feature = "tuning")]
        Tile::Matrices { side, subgroup } => {
            let key = matrices::kernel(&CONV2D_WEIGHT_GRADIENT_MATRICES, side, subgroup);
            let groups =
                [params.x_quads.div_ceil(side), params.weight_quads.div_ceil(side), taps * params.splits];
            b.r.rec.dispatch(label, key, &params, &args, groups)
        }
        #[cfg(feature = "tuning")]
        Tile::Naive => {
            let shader = &CONV2D_WEIGHT_GRADIENT_NAIVE;
            let key = KernelKey::new(shader, shader.entry_points[0]);
            let items = params.splits * taps * params.x_quads * params.weight_quads;
            b.r.rec.dispatch_items(label, key, &params, &args, items)
        }
    }
}

/// The partial sums of all sources into the weights' gradient.
fn sum_weights(b: &mut Backward<'_, '_, '_>, op: &graph::Conv2d, weights: &Block) -> Result<()> {
    let splits = weight_sizes(b, op, op.x[0], 0).splits;
    let partials = b.r.partials(u64::from(splits) * weights.words as u64)?;
    let gradient = b.r.block_gradient(weights);
    let width = (weights.words / 4) as u32;
    let sum = sum_partials::Sum {
        rows: 1,
        count: splits,
        width,
        out_stride: width,
        out_offset: 0,
        accumulate: true,
    };
    sum.record(&mut b.r.rec, &weights.label, &partials, &gradient)
}

/// The bias's gradient and the added embedding's.
fn record_sums(b: &mut Backward<'_, '_, '_>, op: &graph::Conv2d, bias: &Block, d_out: &Buffer) -> Result<()> {
    let out = b.r.graph.tensor(op.out);
    let (samples, pixels, quads) = (b.r.batch, out.pixels(), out.quads());
    let chunks = channel_sums::chunks(pixels);
    let partials = b.r.partials(u64::from(samples * chunks * quads) * 4)?;
    channel_sums::record(&mut b.r.rec, &bias.label, [samples, pixels, quads], d_out, &partials)?;
    if let Some(segment) = op.add_embedding {
        let tensor = b.r.graph.tensor(segment.tensor);
        let (gradient, _) = b.gradient_to(segment.tensor)?;
        let sum = sum_partials::Sum {
            rows: samples,
            count: chunks,
            width: quads,
            out_stride: tensor.quads(),
            out_offset: tensor.quads_before(segment.segment_ix),
            accumulate: false,
        };
        sum.record(&mut b.r.rec, &bias.label, &partials, &gradient)?;
    }
    let gradient = b.r.block_gradient(bias);
    let sum = sum_partials::Sum {
        rows: 1,
        count: samples * chunks,
        width: quads,
        out_stride: quads,
        out_offset: 0,
        accumulate: true,
    };
    sum.record(&mut b.r.rec, &bias.label, &partials, &gradient)
}

/// Weights that were turned round, as the kernels of the gradient's method read them.
fn turned_weights(
    b: &mut Backward<'_, '_, '_>,
    label: &str,
    transposed: &Buffer,
    sizes: &Conv2d,
) -> Result<Operand> {
    match winograd::is_chosen(b.r.rec.gpu, sizes) {
        true => winograd::changing_weights(b.r, label, transposed, sizes),
        false => b.r.operand(transposed, TexelScratch::Weights),
    }
}

/// One source's gradient.
fn record_input(
    b: &mut Backward<'_, '_, '_>,
    op: &graph::Conv2d,
    weights: &Block,
    source: TensorId,
    k_offset: u32,
    d_out: &Buffer,
) -> Result<()> {
    let (graph, tile, samples) = (b.r.graph, b.r.rec.gpu.tile(), b.r.batch);
    let (x, out) = (graph.tensor(source), graph.tensor(op.out));
    let transposition = TransposeWeights {
        taps: op.kernel * op.kernel,
        k_quads: op.x.iter().map(|&id| graph.tensor(id).quads()).sum(),
        k_offset,
        x_quads: x.quads(),
        out_quads: out.quads(),
        weight_quads: weight_quads(tile, out.quads()),
        width: weight_quads(tile, x.quads()),
        pad: 0,
    };
    let blocks = transposition.taps * transposition.out_quads * transposition.width;
    let transposed = b.r.transposed(u64::from(blocks) * 16)?;
    let values = b.r.block(weights)?;
    let label = graph.layer_name(&op.layers[0]);
    let key = KernelKey::new(&TRANSPOSE_WEIGHTS, "transpose_weights");
    b.r.rec.dispatch_items(label, key, &transposition, &[(&values).into(), (&transposed).into()], blocks)?;
    let scale = if op.upsample { 2 } else { 1 };
    let (height, width) = (x.height * scale, x.width * scale);
    let (d_x, add) = b.gradient_to(source)?;
    let target = match op.upsample {
        true => b.scratch(u64::from(samples * height * width * x.quads()) * 4)?,
        false => d_x.clone(),
    };
    let sizes = Conv2d {
        rows: samples * height * width,
        out_height: height,
        out_width: width,
        out_quads: x.quads(),
        in_height: out.height,
        in_width: out.width,
        a_quads: out.quads(),
        kernel: op.kernel,
        stride: 1,
        padding: op.kernel - 1 - op.padding,
        upsample: if op.stride == 2 { 2 } else { 0 },
        accumulate: (add && !op.upsample).into(),
        scale: operand_scale(b),
        ..Conv2d::default()
    };
    let convolution = Convolution {
        label,
        sizes,
        sources: vec![d_out.clone()],
        weights: &turned_weights(b, label, &transposed, &sizes)?,
        bias: None,
        embedding: None,
        residual: None,
        out: target.clone(),
    };
    convolution.record(b.r)?;
    if op.upsample {
        accumulate::record_downsample(
            &mut b.r.rec,
            label,
            [samples, x.height, x.width, x.quads()],
            &target,
            &d_x,
            add,
        )?;
        b.release(target);
    }
    Ok(())
}
