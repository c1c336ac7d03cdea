// The gradient of a convolution's weights for adapters that compute on the CPU. Equation and layouts as in
// conv2d_weight_gradient.wgsl, but both operands are textures (conv2d_texel.wgsl says why), and each invocation keeps
// 4 input channels × QUADS quads of output channels in registers.
// One invocation a tap and quad of input channels. Dispatch: (taps · x_quads / 16, weight_quads / QUADS, splits).

const QUADS: u32 = 4u;

@group(0) @binding(0) var<uniform> params: Conv2dWeightGradient;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var d_out: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(16)
fn conv2d_weight_gradient_texel(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = workgroup.x * 16u + local_ix;
    let x_quad = item % params.x_quads;
    let tap = item / params.x_quads;
    let first_quad = workgroup.y * QUADS;
    let split = workgroup.z;
    if tap >= params.kernel * params.kernel {
        return;
    }
    // sum_CQ: input channel C of the quad, quad Q of output channels.
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
    let pixels = split_pixels(split);
    for (var first = pixels.x; first < pixels.y; first += params.out_width) {
        let line = line_start(first / params.out_width, tap);
        for (var column = 0u; column < params.out_width; column++) {
            let source = line + column_of(column, tap);
            let fetched = texel(x, u32(max(source, 0)) * params.x_quads + x_quad);
            let x_value = select(fetched, vec4<f32>(0.0), source < 0);
            let d_ix = (first + column) * params.out_quads + first_quad;
            let d0 = texel(d_out, d_ix);
            sum_00 += x_value.x * d0;
            sum_10 += x_value.y * d0;
            sum_20 += x_value.z * d0;
            sum_30 += x_value.w * d0;
            if QUADS > 1u {
                let d1 = texel(d_out, d_ix + 1u);
                sum_01 += x_value.x * d1;
                sum_11 += x_value.y * d1;
                sum_21 += x_value.z * d1;
                sum_31 += x_value.w * d1;
                let d2 = texel(d_out, d_ix + 2u);
                sum_02 += x_value.x * d2;
                sum_12 += x_value.y * d2;
                sum_22 += x_value.z * d2;
                sum_32 += x_value.w * d2;
                let d3 = texel(d_out, d_ix + 3u);
                sum_03 += x_value.x * d3;
                sum_13 += x_value.y * d3;
                sum_23 += x_value.z * d3;
                sum_33 += x_value.w * d3;
            }
        }
    }
    store_rows(split, tap, x_quad, first_quad, sum_00, sum_10, sum_20, sum_30);
    if QUADS > 1u {
        store_rows(split, tap, x_quad, first_quad + 1u, sum_01, sum_11, sum_21, sum_31);
        store_rows(split, tap, x_quad, first_quad + 2u, sum_02, sum_12, sum_22, sum_32);
        store_rows(split, tap, x_quad, first_quad + 3u, sum_03, sum_13, sum_23, sum_33);
    }
}

// The padding of a row of weights gets zeros; what was summed there belongs to other pixels.
fn store_rows(
    split: u32,
    tap: u32,
    x_quad: u32,
    quad: u32,
    row0: vec4<f32>,
    row1: vec4<f32>,
    row2: vec4<f32>,
    row3: vec4<f32>,
) {
    if quad < params.out_quads {
        store_partial(split, tap, x_quad, quad, row0, row1, row2, row3);
    } else {
        let zero = vec4<f32>(0.0);
        store_partial(split, tap, x_quad, quad, zero, zero, zero, zero);
    }
}

//#import conv2d_splits
//#import texel
