// A convolution's weights for Winograd's algorithm: U = G w Gᵀ (winograd_input.wgsl).
//
// weights      [9, k_quads · 4, weight_quads] vec4 of four output channels, tap = 3 · ky + kx
// transformed  [36, k_quads · 4, weight_quads]; written (=)
// One invocation an input channel and quad of output channels.

@group(0) @binding(0) var<uniform> params: Winograd;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> transformed: array<vec4<f32>>;

struct Six {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
    v4: vec4<f32>,
    v5: vec4<f32>,
}

@compute @workgroup_size(64)
fn winograd_weights(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let step = params.k_quads * 4u * params.weight_quads;
    if item >= step {
        return;
    }
    let c0 = column(item);
    let c1 = column(item + step);
    let c2 = column(item + 2u * step);
    store_line(item, interpolated(c0.v0, c1.v0, c2.v0));
    store_line(item + 6u * step, interpolated(c0.v1, c1.v1, c2.v1));
    store_line(item + 12u * step, interpolated(c0.v2, c1.v2, c2.v2));
    store_line(item + 18u * step, interpolated(c0.v3, c1.v3, c2.v3));
    store_line(item + 24u * step, interpolated(c0.v4, c1.v4, c2.v4));
    store_line(item + 30u * step, interpolated(c0.v5, c1.v5, c2.v5));
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

// G times the column of three taps that begins at `ix`.
fn column(ix: u32) -> Six {
    let step = 3u * params.k_quads * 4u * params.weight_quads;
    return interpolated(weights[ix], weights[ix + step], weights[ix + 2u * step]);
}

fn store_line(to: u32, line: Six) {
    let step = params.k_quads * 4u * params.weight_quads;
    transformed[to] = line.v0;
    transformed[to + step] = line.v1;
    transformed[to + 2u * step] = line.v2;
    transformed[to + 3u * step] = line.v3;
    transformed[to + 4u * step] = line.v4;
    transformed[to + 5u * step] = line.v5;
}

//#import grid
//#import winograd
