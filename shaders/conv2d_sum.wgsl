// The splits of a convolution added up in their order, so that two runs are bit-identical:
//
//     out[m, co] = Σ_i partials[i, m, co] (+ bias[co]) (+ embedding[n, co]) (+ residual[m, co])
//
// partials [splits, rows, out_quads] vec4; the others as in conv2d.wgsl
// out      [rows, out_quads]; written (=), or accumulated into (+=) if `accumulate`
// One invocation a row and vec4 of out.

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
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn conv2d_sum(
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
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < params.splits; i++) {
        sum += partials[(i * params.rows + row) * params.out_quads + quad];
    }
    store(row, quad, sum);
}

//#import conv2d_rows
//#import grid
