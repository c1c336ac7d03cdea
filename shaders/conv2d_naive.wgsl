// Convolution, the plain way: the reference that the fast kernels are compared with. Equation and layouts as in conv2d.wgsl.
// One invocation an output pixel and quad of channels.

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

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn conv2d_naive(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let row = item / params.out_quads;
    let quad = item % params.out_quads;
    if row >= params.rows {
        return;
    }
    let k_quads = params.a_quads + params.b_quads;
    let row_origin = origin(row);
    var sum = vec4<f32>(0.0);
    for (var tap = 0u; tap < params.kernel * params.kernel; tap++) {
        let pixel = source_pixel(row_origin, i32(tap / params.kernel), i32(tap % params.kernel));
        if pixel < 0 {
            continue;
        }
        for (var k_quad = 0u; k_quad < k_quads; k_quad++) {
            var x: vec4<f32>;
            if k_quad < params.a_quads {
                x = a[u32(pixel) * params.a_quads + k_quad];
            } else {
                x = b[u32(pixel) * params.b_quads + k_quad - params.a_quads];
            }
            let k = (tap * k_quads + k_quad) * 4u;
            for (var i = 0u; i < 4u; i++) {
                sum += x[i] * weights[(k + i) * params.out_quads + quad];
            }
        }
    }
    store(row, quad, sum);
}

//#import conv2d_rows
//#import grid
