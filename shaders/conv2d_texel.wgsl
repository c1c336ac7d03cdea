// Convolution for adapters that compute on the CPU: out[m, co] = Σ_k x[m, k] · w[k, co] (+ bias[co]) (+ embedding[n, co])
// (+ residual[m, co]) (+ out[m, co]). On llvmpipe and SwiftShader each storage-buffer load is a loop over the lanes of a vector,
// a texel fetch is straight code: so both operands are textures, and each invocation keeps 4 × QUADS vec4 sums in registers.
//
// x          texels of [samples, in_height, in_width, x_quads]: one source; a concatenation takes two dispatches
// weights    texels of [kernel · kernel · k_quads · 4, weight_quads]: this source's channels are quads k_offset … of each tap
// bias, embedding, residual, out   as in conv2d.wgsl
// One workgroup 64 rows by QUADS quads of channels; invocation l has rows l, l + 16, … of them.
// Dispatch: (rows / 64, out_quads / QUADS).

struct Conv2dTexel {
    rows: u32,
    out_height: u32,
    out_width: u32,
    out_quads: u32,
    in_height: u32,
    in_width: u32,
    x_quads: u32,
    k_quads: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    upsample: u32,
    embedding_stride: u32,
    embedding_quad: u32,
    has_embedding: u32,
    has_residual: u32,
    weight_quads: u32,
    k_offset: u32,
    has_bias: u32,
    accumulate: u32,
}

const QUADS: u32 = 4u;

@group(0) @binding(0) var<uniform> params: Conv2dTexel;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(16)
fn conv2d_texel(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let row = workgroup.x * 64u + local_ix;
    let first_quad = workgroup.y * QUADS;
    let origin0 = origin(row);
    let origin1 = origin(row + 16u);
    let origin2 = origin(row + 32u);
    let origin3 = origin(row + 48u);
    // sum_PQ: pixel P, quad Q.
    var sum_00 = vec4<f32>(0.0);
    var sum_01 = vec4<f32>(0.0);
    var sum_02 = vec4<f32>(0.0);
    var sum_03 = vec4<f32>(0.0);
    var sum_10 = vec4<f32>(0.0);
    var sum_11 = vec4<f32>(0.0);
    var sum_12 = vec4<f32>(0.0);
    var sum_13 = vec4<f32>(0.0);
    var sum_20 = vec4<f32>(0.0);
    var sum_21 = vec4<f32>(0.0);
    var sum_22 = vec4<f32>(0.0);
    var sum_23 = vec4<f32>(0.0);
    var sum_30 = vec4<f32>(0.0);
    var sum_31 = vec4<f32>(0.0);
    var sum_32 = vec4<f32>(0.0);
    var sum_33 = vec4<f32>(0.0);
    for (var tap = 0u; tap < params.kernel * params.kernel; tap++) {
        let ky = i32(tap / params.kernel);
        let kx = i32(tap % params.kernel);
        let base0 = texel_base(origin0, ky, kx);
        let base1 = texel_base(origin1, ky, kx);
        let base2 = texel_base(origin2, ky, kx);
        let base3 = texel_base(origin3, ky, kx);
        var w_ix = (tap * params.k_quads + params.k_offset) * 4u * params.weight_quads + first_quad;
        for (var quad = 0u; quad < params.x_quads; quad++) {
            let x0 = load_x(base0, quad);
            let x1 = load_x(base1, quad);
            let x2 = load_x(base2, quad);
            let x3 = load_x(base3, quad);
            let w0 = weight_tile(w_ix);
            sum_00 += w0 * x0;
            sum_10 += w0 * x1;
            sum_20 += w0 * x2;
            sum_30 += w0 * x3;
            if QUADS > 1u {
                let w1 = weight_tile(w_ix + 1u);
                sum_01 += w1 * x0;
                sum_11 += w1 * x1;
                sum_21 += w1 * x2;
                sum_31 += w1 * x3;
                let w2 = weight_tile(w_ix + 2u);
                sum_02 += w2 * x0;
                sum_12 += w2 * x1;
                sum_22 += w2 * x2;
                sum_32 += w2 * x3;
                let w3 = weight_tile(w_ix + 3u);
                sum_03 += w3 * x0;
                sum_13 += w3 * x1;
                sum_23 += w3 * x2;
                sum_33 += w3 * x3;
            }
            w_ix += 4u * params.weight_quads;
        }
    }
    store(row, first_quad, sum_00);
    store(row + 16u, first_quad, sum_10);
    store(row + 32u, first_quad, sum_20);
    store(row + 48u, first_quad, sum_30);
    if QUADS > 1u {
        store(row, first_quad + 1u, sum_01);
        store(row, first_quad + 2u, sum_02);
        store(row, first_quad + 3u, sum_03);
        store(row + 16u, first_quad + 1u, sum_11);
        store(row + 16u, first_quad + 2u, sum_12);
        store(row + 16u, first_quad + 3u, sum_13);
        store(row + 32u, first_quad + 1u, sum_21);
        store(row + 32u, first_quad + 2u, sum_22);
        store(row + 32u, first_quad + 3u, sum_23);
        store(row + 48u, first_quad + 1u, sum_31);
        store(row + 48u, first_quad + 2u, sum_32);
        store(row + 48u, first_quad + 3u, sum_33);
    }
}

// The first texel of the pixel that a tap reads, or −1 outside of the picture.
fn texel_base(origin: vec3<i32>, ky: i32, kx: i32) -> i32 {
    let pixel = source_pixel(origin, ky, kx);
    return select(pixel * i32(params.x_quads), -1, pixel < 0);
}

fn load_x(base: i32, quad: u32) -> vec4<f32> {
    return select(texel(x, u32(max(base, 0)) + quad), vec4<f32>(0.0), base < 0);
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(ix: u32) -> mat4x4<f32> {
    let stride = params.weight_quads;
    return mat4x4<f32>(
        texel(weights, ix),
        texel(weights, ix + stride),
        texel(weights, ix + 2u * stride),
        texel(weights, ix + 3u * stride),
    );
}

//#import conv2d_rows
//#import texel
