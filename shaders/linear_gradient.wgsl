// The gradients of a linear layer on embeddings, out[n, o] = Σ_i w[o, i] · f(x[n, i]) + bias[o], f = silu or nothing:
//
//     d_w[o, i] = Σ_n d_out[n, o] · f(x[n, i]),  d_bias[o] = Σ_n d_out[n, o],  d_x[n, i] = f'(x[n, i]) · Σ_o w[o, i] · d_out[n, o]
//
// x, weights, bias, d_out: layouts as in linear.wgsl
// d_weights, d_bias        accumulated into (+=)
// d_x                      written (=), or accumulated into (+=) if `accumulate`
// Three dispatches: `linear_weight_gradient`, one invocation a quad of inputs and of outputs; `linear_bias_gradient`, one a quad
// of outputs; `linear_input_gradient`, one a row and quad of inputs.

struct LinearGradient {
    rows: u32,
    in_quads: u32,
    out_quads: u32,
    silu: u32,
    accumulate: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: LinearGradient;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> d_weights: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> d_bias: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> d_x: array<vec4<f32>>;

@compute @workgroup_size(64)
fn linear_weight_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % params.out_quads;
    let i = item / params.out_quads;
    if i >= params.in_quads {
        return;
    }
    var row0 = vec4<f32>(0.0);
    var row1 = vec4<f32>(0.0);
    var row2 = vec4<f32>(0.0);
    var row3 = vec4<f32>(0.0);
    for (var n = 0u; n < params.rows; n++) {
        var value = x[n * params.in_quads + i];
        if params.silu != 0u {
            value = silu(value);
        }
        let d = d_out[n * params.out_quads + quad];
        row0 += value.x * d;
        row1 += value.y * d;
        row2 += value.z * d;
        row3 += value.w * d;
    }
    let ix = i * 4u * params.out_quads + quad;
    d_weights[ix] += row0;
    d_weights[ix + params.out_quads] += row1;
    d_weights[ix + 2u * params.out_quads] += row2;
    d_weights[ix + 3u * params.out_quads] += row3;
}

@compute @workgroup_size(64)
fn linear_bias_gradient(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.out_quads {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var n = 0u; n < params.rows; n++) {
        sum += d_out[n * params.out_quads + id.x];
    }
    d_bias[id.x] += sum;
}

@compute @workgroup_size(64)
fn linear_input_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let i = item % params.in_quads;
    let n = item / params.in_quads;
    if n >= params.rows {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var quad = 0u; quad < params.out_quads; quad++) {
        let ix = i * 4u * params.out_quads + quad;
        let w = mat4x4<f32>(
            weights[ix],
            weights[ix + params.out_quads],
            weights[ix + 2u * params.out_quads],
            weights[ix + 3u * params.out_quads],
        );
        sum += d_out[n * params.out_quads + quad] * w;
    }
    if params.silu != 0u {
        sum *= silu_derivative(x[item]);
    }
    if params.accumulate != 0u {
        sum += d_x[item];
    }
    d_x[item] = sum;
}

//#import grid
//#import silu
