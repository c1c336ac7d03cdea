// Convolution as an implicit GEMM (conv2d.wgsl) on an adapter's matrix units: both operands rounded to f16, sums in f32.
//
//     out[m, co] = Σ_k f16(x[m, k]) · f16(w[k, co]) (+ bias[co]) (+ embedding[n, co]) (+ residual[m, co]) (+ out[m, co])
//
// Needs f16, subgroups of at most SUBGROUP invocations, and cooperative matrices of SIDE × SIDE. What is too large for f16 becomes
// the largest that is not. Before it is rounded x is multiplied by `scale`, a power of two, and the sum is divided by it after:
// gradients, of which the loss is a mean over many elements, would else be too small for f16.
//
// All operands are conv2d.wgsl's.
// One workgroup a tile of 8 · SIDE rows by 4 · SIDE channels, K in steps of 2 · SIDE: four subgroups below one another, each with
// 2 × 4 matrices of sums; where subgroups are smaller there are more of them, which only load. Dispatch: (rows / (8 · SIDE), quads · 4 / (4 · SIDE)).
enable f16;
enable wgpu_cooperative_matrix;

const SIDE: u32 = 16u;
const SUBGROUP: u32 = 32u;
const SUBGROUPS: u32 = 4u;
const INVOCATIONS: u32 = SUBGROUPS * SUBGROUP;
const ROWS: u32 = 8u * SIDE;
const QUADS: u32 = SIDE; // of channels
const DEPTH_QUADS: u32 = SIDE / 2u; // of K
const X_LOADS: u32 = ROWS * DEPTH_QUADS / INVOCATIONS;
const LARGEST: vec4<f32> = vec4<f32>(65504.0);

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

var<workgroup> sh_x: array<vec4<f16>, ROWS * DEPTH_QUADS>; // [row][quad of K]
var<workgroup> sh_w: array<vec4<f16>, DEPTH_QUADS * 4u * QUADS>; // [k][quad of channels]
var<workgroup> sh_sums: array<vec4<f32>, SIDE * SIDE>; // of each subgroup, [row][quad]

@compute @workgroup_size(INVOCATIONS)
fn conv2d_matrices(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let first_row = workgroup.x * ROWS;
    let first_quad = workgroup.y * QUADS;
    let k_quads = params.a_quads + params.b_quads;

    // The rows that this invocation loads: where their tap (0, 0) reads, and the sample's first pixel.
    let load_row = local_ix / DEPTH_QUADS;
    let load_quad = local_ix % DEPTH_QUADS;
    var origins: array<vec3<i32>, X_LOADS>;
    for (var i = 0u; i < X_LOADS; i++) {
        origins[i] = origin(first_row + load_row + i * (INVOCATIONS / DEPTH_QUADS));
    }

    // sum_PQ: rows P, channels Q.
    var sum_00 = Sums();
    var sum_01 = Sums();
    var sum_02 = Sums();
    var sum_03 = Sums();
    var sum_10 = Sums();
    var sum_11 = Sums();
    var sum_12 = Sums();
    var sum_13 = Sums();
    let x_row = subgroup * 2u * SIDE * DEPTH_QUADS;
    for (var tap = 0u; tap < params.kernel * params.kernel; tap++) {
        let ky = i32(tap / params.kernel);
        let kx = i32(tap % params.kernel);
        for (var quad = 0u; quad < k_quads; quad += DEPTH_QUADS) {
            for (var i = 0u; i < X_LOADS; i++) {
                let value = load_x(origins[i], ky, kx, quad + load_quad) * params.scale;
                sh_x[local_ix + i * INVOCATIONS] = vec4<f16>(clamp(value, -LARGEST, LARGEST));
            }
            for (var ix = local_ix; ix < DEPTH_QUADS * 4u * QUADS; ix += INVOCATIONS) {
                let k = ix / QUADS;
                let co = first_quad + ix % QUADS;
                var value = vec4<f32>(0.0);
                if quad + k / 4u < k_quads && co < params.out_quads {
                    value = weights[((tap * k_quads + quad) * 4u + k) * params.out_quads + co];
                }
                sh_w[ix] = vec4<f16>(clamp(value, -LARGEST, LARGEST));
            }
            workgroupBarrier();
            for (var k = 0u; k < 2u && subgroup < SUBGROUPS; k++) {
                let x_ix = x_row + k * (SIDE / 4u);
                let x0 = coopLoadT<Left>(&sh_x[x_ix], DEPTH_QUADS);
                let x1 = coopLoadT<Left>(&sh_x[x_ix + SIDE * DEPTH_QUADS], DEPTH_QUADS);
                let w_ix = k * SIDE * QUADS;
                let w0 = coopLoadT<Right>(&sh_w[w_ix], QUADS);
                let w1 = coopLoadT<Right>(&sh_w[w_ix + SIDE / 4u], QUADS);
                let w2 = coopLoadT<Right>(&sh_w[w_ix + SIDE / 2u], QUADS);
                let w3 = coopLoadT<Right>(&sh_w[w_ix + 3u * SIDE / 4u], QUADS);
                sum_00 = coopMultiplyAdd(x0, w0, sum_00);
                sum_01 = coopMultiplyAdd(x0, w1, sum_01);
                sum_02 = coopMultiplyAdd(x0, w2, sum_02);
                sum_03 = coopMultiplyAdd(x0, w3, sum_03);
                sum_10 = coopMultiplyAdd(x1, w0, sum_10);
                sum_11 = coopMultiplyAdd(x1, w1, sum_11);
                sum_12 = coopMultiplyAdd(x1, w2, sum_12);
                sum_13 = coopMultiplyAdd(x1, w3, sum_13);
            }
            workgroupBarrier();
        }
    }

    let row = first_row + subgroup * 2u * SIDE;
    let sums_ix = subgroup * SIDE * SIDE / 4u;
    // Subgroups that only load store nothing.
    let first_ix = select(SIDE * SIDE, lane, subgroup < SUBGROUPS);
    if subgroup < SUBGROUPS {
        coopStoreT(sum_00, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row, first_quad, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_01, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row, first_quad + SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_02, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row, first_quad + 2u * SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_03, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row, first_quad + 3u * SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_10, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row + SIDE, first_quad, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_11, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row + SIDE, first_quad + SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_12, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row + SIDE, first_quad + 2u * SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_13, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(row + SIDE, first_quad + 3u * SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
}

// The matrix of sums that a subgroup put at `sums_ix`.
fn store_matrix(first_row: u32, first_quad: u32, sums_ix: u32, first_ix: u32, lanes: u32) {
    for (var ix = first_ix; ix < SIDE * SIDE / 4u; ix += lanes) {
        store(first_row + ix / (SIDE / 4u), first_quad + ix % (SIDE / 4u), sh_sums[sums_ix + ix] / params.scale);
    }
}

//#import matrices_SIDE
//#import conv2d_sources
