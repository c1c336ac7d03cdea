//! Batched matrix products: `shaders/matmul.wgsl` (GPUs) and `matmul_texel.wgsl` (CPU adapters).

use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, KernelKey, Params, Recorder, Shader, Tile, params, wgsl};

params! {
    /// Sizes of a batched product; the fields are explained in `shaders/include/matmul_tile.wgsl`.
    pub struct Matmul {
        /// Batch size.
        samples: u32,
        /// Matrices a sample.
        heads: u32,
        /// Rows of c.
        rows: u32,
        /// Columns of c.
        columns: u32,
        /// Terms of each sum.
        depth: u32,
        /// Factor of c.
        scale: f32,
        /// First `vec4` of a.
        a_offset: u32,
        /// `vec4`s from a sample of a to the next.
        a_sample: u32,
        /// `vec4`s from a head of a to the next.
        a_head: u32,
        /// `vec4`s from a row of a to the next.
        a_row: u32,
        /// First `vec4` of b.
        b_offset: u32,
        /// `vec4`s from a sample of b to the next.
        b_sample: u32,
        /// `vec4`s from a head of b to the next.
        b_head: u32,
        /// `vec4`s from a row of b to the next.
        b_row: u32,
        /// First `vec4` of c.
        c_offset: u32,
        /// `vec4`s from a sample of c to the next.
        c_sample: u32,
        /// `vec4`s from a head of c to the next.
        c_head: u32,
        /// `vec4`s from a row of c to the next.
        c_row: u32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

const ENTRY_POINTS: &[&str] = &["matmul_nt", "matmul_nn", "matmul_tn"];

/// `shaders/matmul.wgsl`.
pub static MATMUL: Shader = Shader {
    name: "matmul",
    source: wgsl!("matmul"),
    params: Matmul::LAYOUT,
    bindings: &[("a", Binding::Read), ("b", Binding::Read), ("c", Binding::ReadWrite)],
    entry_points: ENTRY_POINTS,
    consts: &[],
    host: host!(matmul::matmul_nt, matmul::matmul_nn, matmul::matmul_tn),
};

/// `shaders/matmul_texel.wgsl`.
pub static MATMUL_TEXEL: Shader = Shader {
    name: "matmul_texel",
    source: wgsl!("matmul_texel"),
    params: Matmul::LAYOUT,
    bindings: &[("a", Binding::Texels), ("b", Binding::Texels), ("c", Binding::ReadWrite)],
    entry_points: ENTRY_POINTS,
    consts: &[],
    host: &[],
};

/// Which operand is read transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// `matmul_nt`, c = scale · a · bᵀ; a: `[rows, depth]`, b: `[columns, depth]`.
    Nt,
    /// `matmul_nn`, c = scale · a · b; a: `[rows, depth]`, b: `[depth, columns]`.
    Nn,
    /// `matmul_tn`, c = scale · aᵀ · b; a: `[depth, rows]`, b: `[depth, columns]`.
    Tn,
}

/// Where the matrices of an operand lie, in `vec4`s. A row is a run of `vec4`s, zero where it is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strides {
    /// The first matrix.
    pub offset: u32,
    /// From one sample to the next.
    pub sample: u32,
    /// From one head to the next.
    pub head: u32,
    /// From one row to the next.
    pub row: u32,
}

/// A product for each sample and head.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Batch size.
    pub samples: u32,
    /// Matrices a sample.
    pub heads: u32,
    /// Rows of c.
    pub rows: u32,
    /// Columns of c.
    pub columns: u32,
    /// Terms of each sum.
    pub depth: u32,
    /// Factor of c.
    pub scale: f32,
    /// Where a lies.
    pub a: Strides,
    /// Where b lies.
    pub b: Strides,
    /// Where c lies.
    pub c: Strides,
}

/// The kernel of `product` under `tile`.
pub fn kernel(tile: Tile, product: Product) -> KernelKey {
    let shader = match tile {
        Tile::Registers => &MATMUL_TEXEL,
        _ => &MATMUL,
    };
    let entry_point = match product {
        Product::Nt => "matmul_nt",
        Product::Nn => "matmul_nn",
        Product::Tn => "matmul_tn",
    };
    KernelKey::new(shader, entry_point)
}

/// Records c = `product` of a and b, with zeros in c's padding. a, b: buffers, or texels under [`Tile::Registers`];
/// they may be one, and c another.
///
/// # Errors
/// If c has too many elements for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    label: &str,
    product: Product,
    sizes: &Sizes,
    [a, b]: [Arg<'_>; 2],
    c: &Buffer,
) -> Result<()> {
    let params = Matmul {
        samples: sizes.samples,
        heads: sizes.heads,
        rows: sizes.rows,
        columns: sizes.columns,
        depth: sizes.depth,
        scale: sizes.scale,
        a_offset: sizes.a.offset,
        a_sample: sizes.a.sample,
        a_head: sizes.a.head,
        a_row: sizes.a.row,
        b_offset: sizes.b.offset,
        b_sample: sizes.b.sample,
        b_head: sizes.b.head,
        b_row: sizes.b.row,
        c_offset: sizes.c.offset,
        c_sample: sizes.c.sample,
        c_head: sizes.c.head,
        c_row: sizes.c.row,
        pad0: 0,
        pad1: 0,
    };
    let key = kernel(rec.gpu.tile(), product);
    let tiles = sizes.rows.div_ceil(4) * sizes.columns.div_ceil(8);
    rec.dispatch_items(label, key, &params, &[a, b, c.into()], sizes.samples * sizes.heads * tiles)
}
