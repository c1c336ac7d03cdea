// conv2d.wgsl and conv2d_split.wgsl with weights that are kept as f16, half the bytes; all else is f32. Equation and layouts as
// there. Weights that are exactly f16 give the same bits.
//
// weights [kernel · kernel · (a_quads + b_quads) · 4, out_quads] of four f16: the weights times 1024. An f16 below 2⁻¹⁴ is
//         subnormal, and adapters may take it for 0; times 1024 none of them is.

struct Conv2d {
    rows: u32,
    out_height: u32,
    out_width: u32,
    out_quads: u32,
    in_height: u32,
    in_width: u32,
    a_quads: u32,
    b_quads: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    upsample: u32,
    embedding_stride: u32,
    embedding_quad: u32,
    has_embedding: u32,
    has_residual: u32,
    has_bias: u32,
    accumulate: u32,
    splits: u32,
    scale: f32, // of native/conv2d_matrices.wgsl alone
}

const TILE: u32 = 32u;
const TILE_QUADS: u32 = TILE / 4u;
const INVOCATIONS: u32 = TILE_QUADS * TILE_QUADS;
const LOADS: u32 = TILE * 4u / INVOCATIONS;

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weights: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(INVOCATIONS)
fn conv2d_half(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let sums = tile_sums(workgroup, local_ix, 0u, params.a_quads + params.b_quads);
    let row = workgroup.x * TILE + (local_ix / TILE_QUADS) * 4u;
    let quad = workgroup.y * TILE_QUADS + local_ix % TILE_QUADS;
    store(row, quad, sums[0]);
    store(row + 1u, quad, sums[1]);
    store(row + 2u, quad, sums[2]);
    store(row + 3u, quad, sums[3]);
}

@compute @workgroup_size(INVOCATIONS)
fn conv2d_half_split(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let sums = tile_sums(workgroup, local_ix, first_k(workgroup.z), first_k(workgroup.z + 1u));
    let row = workgroup.x * TILE + (local_ix / TILE_QUADS) * 4u;
    let quad = workgroup.y * TILE_QUADS + local_ix % TILE_QUADS;
    store_split(workgroup.z, row, quad, sums[0]);
    store_split(workgroup.z, row + 1u, quad, sums[1]);
    store_split(workgroup.z, row + 2u, quad, sums[2]);
    store_split(workgroup.z, row + 3u, quad, sums[3]);
}

fn weight(ix: u32) -> vec4<f32> {
    let halves = weights[ix];
    return vec4<f32>(unpack2x16float(halves.x), unpack2x16float(halves.y)) * 0x1p-10;
}

//#import conv2d_partials
//#import conv2d_tile
