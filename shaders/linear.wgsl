// A linear layer on embeddings: out[n, o] = Σ_i w[o, i] · x[n, i] + bias[o], or of silu(x).
//
// x        [rows, in_quads] vec4
// weights  [in_quads · 4, out_quads] vec4 of four outputs
// bias     [out_quads]
// out      [rows, out_quads]; written (=)
// One invocation a row and quad of outputs.

struct Linear {
    rows: u32,
    in_quads: u32,
    out_quads: u32,
    silu: u32,
}

@group(0) @binding(0) var<uniform> params: Linear;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn linear(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let quad = item % params.out_quads;
    let row = item / params.out_quads;
    if row >= params.rows {
        return;
    }
    var sum = bias[quad];
    for (var i = 0u; i < params.in_quads; i++) {
        var value = x[row * params.in_quads + i];
        if params.silu != 0u {
            value = silu(value);
        }
        let ix = i * 4u * params.out_quads + quad;
        let w = mat4x4<f32>(
            weights[ix],
            weights[ix + params.out_quads],
            weights[ix + 2u * params.out_quads],
            weights[ix + 3u * params.out_quads],
        );
        sum += w * value;
    }
    out[item] = sum;
}

//#import grid
//#import silu
