// Softmax over rows, in place, and its gradient, in place too; one invocation a row.
//
//     softmax            values[n] = exp(values[n] − max) / Σ_j exp(values[j] − max)
//     softmax_backward   values[n] = scale · weights[n] · (values[n] − Σ_j weights[j] · values[j])
//
// values    [rows, quads] vec4 of four columns each; overwritten (=). The padding of the last quad may be anything finite
//           and becomes zero. `softmax_backward` takes the gradient of the weights and leaves that of what `softmax` took
// weights   [rows, quads] vec4: what `softmax` wrote; `softmax` itself does not read this binding

struct Softmax {
    rows: u32,
    columns: u32,
    quads: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Softmax;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> values: array<vec4<f32>>;

@compute @workgroup_size(64)
fn softmax(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let row = grid_index(workgroup, workgroups, local_ix);
    if row >= params.rows {
        return;
    }
    let first = row * params.quads;
    var highest = values[first].x;
    for (var i = 0u; i < params.quads; i++) {
        let bounded = select(vec4<f32>(highest), values[first + i], in_row(i));
        highest = max(max(max(bounded.x, bounded.y), max(bounded.z, bounded.w)), highest);
    }
    var total = 0.0;
    for (var i = 0u; i < params.quads; i++) {
        let power = exp(min(values[first + i] - highest, vec4<f32>(0.0)));
        let share = select(vec4<f32>(0.0), power, in_row(i));
        values[first + i] = share;
        total += (share.x + share.y) + (share.z + share.w);
    }
    let factor = 1.0 / total;
    for (var i = 0u; i < params.quads; i++) {
        values[first + i] *= factor;
    }
}

@compute @workgroup_size(64)
fn softmax_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let row = grid_index(workgroup, workgroups, local_ix);
    if row >= params.rows {
        return;
    }
    let first = row * params.quads;
    var mean = 0.0;
    for (var i = 0u; i < params.quads; i++) {
        mean += dot(weights[first + i], values[first + i]);
    }
    for (var i = 0u; i < params.quads; i++) {
        values[first + i] = weights[first + i] * (values[first + i] - mean) * params.scale;
    }
}

fn in_row(quad: u32) -> vec4<bool> {
    return vec4<u32>(0u, 1u, 2u, 3u) + quad * 4u < vec4<u32>(params.columns);
}

//#import grid
