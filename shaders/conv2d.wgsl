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
    scale: f32, // of native/conv2d_matrices.wgsl alone
    pad: u32,
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

var<workgroup> sh_x: array<vec4<f32>, TILE * 4u>; // [quad of K][row]
var<workgroup> sh_w: array<vec4<f32>, TILE_QUADS * 16u>; // [k][quad of channels]

@compute @workgroup_size(INVOCATIONS)
fn conv2d(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let first_row = workgroup.x * TILE;
    let first_quad = workgroup.y * TILE_QUADS;
    let tile_row = (local_ix / TILE_QUADS) * 4u;
    let tile_quad = local_ix % TILE_QUADS;
    let k_quads = params.a_quads + params.b_quads;

    // The rows that this invocation loads: where their tap (0, 0) reads, and the sample's first pixel.
    let load_quad = local_ix % 4u;
    var origins: array<vec3<i32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        origins[i] = origin(first_row + local_ix / 4u + i * (INVOCATIONS / 4u));
    }

    var acc0 = vec4<f32>(0.0);
    var acc1 = vec4<f32>(0.0);
    var acc2 = vec4<f32>(0.0);
    var acc3 = vec4<f32>(0.0);
    for (var tap = 0u; tap < params.kernel * params.kernel; tap++) {
        let ky = i32(tap / params.kernel);
        let kx = i32(tap % params.kernel);
        for (var quad = 0u; quad < k_quads; quad += 4u) {
            for (var i = 0u; i < LOADS; i++) {
                sh_x[load_quad * TILE + local_ix / 4u + i * (INVOCATIONS / 4u)] =
                    load_x(origins[i], ky, kx, quad + load_quad);
            }
            for (var i = 0u; i < LOADS; i++) {
                let ix = local_ix + i * INVOCATIONS;
                let k_quad = quad + ix / (TILE_QUADS * 4u);
                let k = (tap * k_quads + quad) * 4u + ix / TILE_QUADS;
                let co = first_quad + ix % TILE_QUADS;
                var w = vec4<f32>(0.0);
                if k_quad < k_quads && co < params.out_quads {
                    w = weights[k * params.out_quads + co];
                }
                sh_w[ix] = w;
            }
            workgroupBarrier();
            let w0 = weight_tile(0u, tile_quad);
            acc0 += w0 * sh_x[tile_row];
            acc1 += w0 * sh_x[tile_row + 1u];
            acc2 += w0 * sh_x[tile_row + 2u];
            acc3 += w0 * sh_x[tile_row + 3u];
            let w1 = weight_tile(1u, tile_quad);
            acc0 += w1 * sh_x[TILE + tile_row];
            acc1 += w1 * sh_x[TILE + tile_row + 1u];
            acc2 += w1 * sh_x[TILE + tile_row + 2u];
            acc3 += w1 * sh_x[TILE + tile_row + 3u];
            let w2 = weight_tile(2u, tile_quad);
            acc0 += w2 * sh_x[2u * TILE + tile_row];
            acc1 += w2 * sh_x[2u * TILE + tile_row + 1u];
            acc2 += w2 * sh_x[2u * TILE + tile_row + 2u];
            acc3 += w2 * sh_x[2u * TILE + tile_row + 3u];
            let w3 = weight_tile(3u, tile_quad);
            acc0 += w3 * sh_x[3u * TILE + tile_row];
            acc1 += w3 * sh_x[3u * TILE + tile_row + 1u];
            acc2 += w3 * sh_x[3u * TILE + tile_row + 2u];
            acc3 += w3 * sh_x[3u * TILE + tile_row + 3u];
            workgroupBarrier();
        }
    }
    store(first_row + tile_row, first_quad + tile_quad, acc0);
    store(first_row + tile_row + 1u, first_quad + tile_quad, acc1);
    store(first_row + tile_row + 2u, first_quad + tile_quad, acc2);
    store(first_row + tile_row + 3u, first_quad + tile_quad, acc3);
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(k_quad: u32, tile_quad: u32) -> mat4x4<f32> {
    let ix = k_quad * 4u * TILE_QUADS + tile_quad;
    return mat4x4<f32>(sh_w[ix], sh_w[ix + TILE_QUADS], sh_w[ix + 2u * TILE_QUADS], sh_w[ix + 3u * TILE_QUADS]);
}

fn load_x(origin: vec3<i32>, ky: i32, kx: i32, quad: u32) -> vec4<f32> {
    let pixel = source_pixel(origin, ky, kx);
    if pixel < 0 || quad >= params.a_quads + params.b_quads {
        return vec4<f32>(0.0);
    }
    if quad < params.a_quads {
        return a[u32(pixel) * params.a_quads + quad];
    }
    return b[u32(pixel) * params.b_quads + quad - params.a_quads];
}

//#import conv2d_rows
