// The gradient of a convolution's weights, the plain way: the reference that the fast kernels are compared with. Equation and
// layouts as in conv2d_weight_gradient.wgsl. One invocation a split, tap, quad of input and quad of output channels.

@group(0) @binding(0) var<uniform> params: Conv2dWeightGradient;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn conv2d_weight_gradient_naive(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let taps = params.kernel * params.kernel;
    let out_quad = item % params.weight_quads;
    let x_quad = (item / params.weight_quads) % params.x_quads;
    let tap = (item / (params.weight_quads * params.x_quads)) % taps;
    let split = item / (params.weight_quads * params.x_quads * taps);
    if split >= params.splits {
        return;
    }
    var row0 = vec4<f32>(0.0);
    var row1 = vec4<f32>(0.0);
    var row2 = vec4<f32>(0.0);
    var row3 = vec4<f32>(0.0);
    let pixels = split_pixels(split);
    for (var pixel = pixels.x; pixel < pixels.y; pixel++) {
        let source = source_of(pixel, tap);
        if source >= 0 && out_quad < params.out_quads {
            let x_value = x[u32(source) * params.x_quads + x_quad];
            let d_value = d_out[pixel * params.out_quads + out_quad];
            row0 += x_value.x * d_value;
            row1 += x_value.y * d_value;
            row2 += x_value.z * d_value;
            row3 += x_value.w * d_value;
        }
    }
    store_partial(split, tap, x_quad, out_quad, row0, row1, row2, row3);
}

//#import conv2d_splits
//#import grid
