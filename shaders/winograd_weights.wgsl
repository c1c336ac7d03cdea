// A convolution's weights for Winograd's algorithm: U = G w Gᵀ (winograd_input.wgsl), where training changes them; the host transforms
// others as it uploads them.
//
// weights  [9, k_quads · 4, out_quads] vec4 of four output channels, tap = 3 · ky + kx; k_quads are both sources'
// planes   [36, k_quads · 4, out_quads]; written (=)
// One invocation an input channel and quad of output channels.

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> planes: array<vec4<f32>>;

@compute @workgroup_size(64)
fn winograd_weights(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let step = (params.a_quads + params.b_quads) * 4u * params.out_quads;
    if item >= step {
        return;
    }
    let c0 = column(item, step);
    let c1 = column(item + step, step);
    let c2 = column(item + 2u * step, step);
    store_line(item, step, interpolated(c0.v0, c1.v0, c2.v0));
    store_line(item + 6u * step, step, interpolated(c0.v1, c1.v1, c2.v1));
    store_line(item + 12u * step, step, interpolated(c0.v2, c1.v2, c2.v2));
    store_line(item + 18u * step, step, interpolated(c0.v3, c1.v3, c2.v3));
    store_line(item + 24u * step, step, interpolated(c0.v4, c1.v4, c2.v4));
    store_line(item + 30u * step, step, interpolated(c0.v5, c1.v5, c2.v5));
}

// G times a line of three. With points ±p and ±q, p = 3/4 and q = 3/2: 1 / (p² q²), 1 / (2 p² (p² − q²)) and
// 1 / (2 q² (q² − p²)) are the factors.
fn interpolated(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>) -> Six {
    let even_near = (w0 + 0.5625 * w2) * (-128.0 / 243.0);
    let odd_near = w1 * (-32.0 / 81.0);
    let even_far = (w0 + 2.25 * w2) * (32.0 / 243.0);
    let odd_far = w1 * (16.0 / 81.0);
    return Six(
        w0 * (64.0 / 81.0),
        even_near + odd_near,
        even_near - odd_near,
        even_far + odd_far,
        even_far - odd_far,
        w2,
    );
}

// G times the column of three taps that begins at `ix`; taps lie `step` apart.
fn column(ix: u32, step: u32) -> Six {
    return interpolated(weights[ix], weights[ix + 3u * step], weights[ix + 6u * step]);
}

//#import winograd_planes
