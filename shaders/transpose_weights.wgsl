// A convolution's weights turned round, so that a convolution of the output's gradient with them is the input's gradient:
//
//     out[taps − 1 − tap, co, ci] = weights[tap, ci, co]
//
// weights  [taps, k_quads · 4, weight_quads] vec4 of four output channels
// out      [taps, out_quads · 4, width] vec4 of four input channels of one source, its quads from k_offset on; the columns
//          from x_quads on are padding; written (=)
// One invocation a tap, quad of output channels and quad of a row of out: 4 × 4 elements.

struct TransposeWeights {
    taps: u32,
    k_quads: u32,
    k_offset: u32,
    x_quads: u32,
    out_quads: u32,
    weight_quads: u32,
    width: u32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: TransposeWeights;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn transpose_weights(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let x_quad = item % params.width;
    let out_quad = (item / params.width) % params.out_quads;
    let tap = item / (params.width * params.out_quads);
    if tap >= params.taps {
        return;
    }
    var block = mat4x4<f32>();
    if x_quad < params.x_quads {
        let ix = (tap * params.k_quads + params.k_offset + x_quad) * 4u * params.weight_quads + out_quad;
        block = transpose(mat4x4<f32>(
            weights[ix],
            weights[ix + params.weight_quads],
            weights[ix + 2u * params.weight_quads],
            weights[ix + 3u * params.weight_quads],
        ));
    }
    let to = ((params.taps - 1u - tap) * params.out_quads + out_quad) * 4u * params.width + x_quad;
    out[to] = block[0];
    out[to + params.width] = block[1];
    out[to + 2u * params.width] = block[2];
    out[to + 3u * params.width] = block[3];
}

//#import grid
