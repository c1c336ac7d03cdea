// Convolution as an implicit GEMM: out[m, co] = Σ_k x[m, k] · w[k, co] (+ bias[co]) (+ embedding[n, co]) (+ residual[m, co]).
// m = (sample, oy, ox), k = (ky, kx, ci): a K-tile lies within one tap, so the inner loop neither divides nor branches.
//
// a, b       [samples, in_height, in_width, a_quads | b_quads] vec4: the two sources of a concatenation (b_quads may be 0)
// weights    [kernel · kernel · (a_quads + b_quads) · 4, out_quads] vec4 of four output channels
// bias       [out_quads]
// embedding  [samples, embedding_stride], read from embedding_quad on
// residual   [rows, out_quads]
// out        [rows, out_quads]; written (=), or accumulated into (+=) if `accumulate`
// One workgroup a tile of TILE rows by TILE channels, 4 × 4 an invocation, K in steps of 16. Dispatch: (rows / TILE, quads · 4 / TILE).

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
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(INVOCATIONS)
fn conv2d(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let sums = tile_sums(workgroup, local_ix, 0u, params.a_quads + params.b_quads);
    let row = workgroup.x * TILE + (local_ix / TILE_QUADS) * 4u;
    let quad = workgroup.y * TILE_QUADS + local_ix % TILE_QUADS;
    store(row, quad, sums[0]);
    store(row + 1u, quad, sums[1]);
    store(row + 2u, quad, sums[2]);
    store(row + 3u, quad, sums[3]);
}

fn weight(ix: u32) -> vec4<f32> {
    return weights[ix];
}

//#import conv2d_tile
