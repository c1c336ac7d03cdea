// Convolution for adapters that compute on the CPU: out[m, co] = Σ_k x[m, k] · w[k, co] (+ bias[co]) (+ embedding[n, co])
// (+ residual[m, co]) (+ out[m, co]). On llvmpipe and SwiftShader each storage-buffer load is a loop over the lanes of a vector,
// a texel fetch is straight code: so both operands are textures, and each invocation keeps 4 × QUADS vec4 sums in registers.
//
// With 1 × 1 taps, its rows may be those of several products, one after the other, each with weights of its own: so it
// computes the products of Winograd's algorithm too (winograd_input.wgsl).
//
// x          texels of [samples, in_height, in_width, a_quads]: one source; a concatenation takes two dispatches
// weights    texels of [products, kernel · kernel · k_quads · 4, width]: this source's channels are quads k_offset … of each
//            tap; k_quads are both sources', width is out_quads up to a multiple of QUADS
// bias, embedding, residual, out   as in conv2d.wgsl
// One invocation 4 rows by QUADS quads of channels. Dispatch: (rows / products / 4 · out_quads / QUADS / 32, 1, products).

const QUADS: u32 = 4u;

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(32)
fn conv2d_texel(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let product = workgroup.z;
    let rows = params.rows / workgroups.z;
    let end = (product + 1u) * rows;
    let blocks = (params.out_quads + QUADS - 1u) / QUADS;
    let item = workgroup.x * 32u + local_ix;
    let row = end - rows + item / blocks * 4u;
    let first_quad = item % blocks * QUADS;
    if row >= end {
        return;
    }
    let k_quads = params.a_quads + params.b_quads;
    let width = blocks * QUADS;
    let origin0 = origin(row);
    let origin1 = origin(row + 1u);
    let origin2 = origin(row + 2u);
    let origin3 = origin(row + 3u);
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
        var w_ix = ((product + tap) * k_quads + params.k_offset) * 4u * width + first_quad;
        for (var quad = 0u; quad < params.a_quads; quad++) {
            let x0 = load_x(base0, quad);
            let x1 = load_x(base1, quad);
            let x2 = load_x(base2, quad);
            let x3 = load_x(base3, quad);
            let w0 = weight_tile(w_ix, width);
            sum_00 += w0 * x0;
            sum_10 += w0 * x1;
            sum_20 += w0 * x2;
            sum_30 += w0 * x3;
            if QUADS > 1u {
                let w1 = weight_tile(w_ix + 1u, width);
                sum_01 += w1 * x0;
                sum_11 += w1 * x1;
                sum_21 += w1 * x2;
                sum_31 += w1 * x3;
                let w2 = weight_tile(w_ix + 2u, width);
                sum_02 += w2 * x0;
                sum_12 += w2 * x1;
                sum_22 += w2 * x2;
                sum_32 += w2 * x3;
                let w3 = weight_tile(w_ix + 3u, width);
                sum_03 += w3 * x0;
                sum_13 += w3 * x1;
                sum_23 += w3 * x2;
                sum_33 += w3 * x3;
            }
            w_ix += 4u * width;
        }
    }
    store_row(row, end, first_quad, sum_00, sum_01, sum_02, sum_03);
    store_row(row + 1u, end, first_quad, sum_10, sum_11, sum_12, sum_13);
    store_row(row + 2u, end, first_quad, sum_20, sum_21, sum_22, sum_23);
    store_row(row + 3u, end, first_quad, sum_30, sum_31, sum_32, sum_33);
}

// The first texel of the pixel that a tap reads, or −1 outside of the picture.
fn texel_base(origin: vec3<i32>, ky: i32, kx: i32) -> i32 {
    let pixel = source_pixel(origin, ky, kx);
    return select(pixel * i32(params.a_quads), -1, pixel < 0);
}

fn load_x(base: i32, quad: u32) -> vec4<f32> {
    return select(texel(x, u32(max(base, 0)) + quad), vec4<f32>(0.0), base < 0);
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(ix: u32, width: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        texel(weights, ix),
        texel(weights, ix + width),
        texel(weights, ix + 2u * width),
        texel(weights, ix + 3u * width),
    );
}

fn store_row(
    row: u32,
    end: u32,
    quad: u32,
    sum0: vec4<f32>,
    sum1: vec4<f32>,
    sum2: vec4<f32>,
    sum3: vec4<f32>,
) {
    if row >= end {
        return;
    }
    store(row, quad, sum0);
    if QUADS > 1u {
        store(row, quad + 1u, sum1);
        store(row, quad + 2u, sum2);
        store(row, quad + 3u, sum3);
    }
}

//#import conv2d_rows
//#import texel
