// Partial sums added up in their order, so that two runs are bit-identical:
//
//     out[row, c] = Σ_i partials[row, i, c]
//
// partials [rows, count, width] vec4
// out      [rows, out_stride] vec4, from out_offset on; written (=), or accumulated into (+=) if `accumulate`
// One invocation a row and vec4 of out.

struct SumPartials {
    rows: u32,
    count: u32,
    // Vectors of four of one partial sum.
    width: u32,
    out_stride: u32,
    out_offset: u32,
    accumulate: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: SumPartials;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn sum_partials(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let row = item / params.width;
    let column = item % params.width;
    if row >= params.rows {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < params.count; i++) {
        sum += partials[(row * params.count + i) * params.width + column];
    }
    let ix = row * params.out_stride + params.out_offset + column;
    if params.accumulate != 0u {
        sum += out[ix];
    }
    out[ix] = sum;
}

//#import grid
