// One more contribution to a gradient: out[i] += x[i], or of an upsampled picture the sum of each 2 × 2 pixels of x.
//
// `accumulate`: x, out [count] vec4.
// `downsample`: x [samples, 2 · height, 2 · width, quads] vec4; out [samples, height, width, quads].
// out is written (=), or accumulated into (+=) if `add`.
// One invocation a vec4 of out.

struct Accumulate {
    // Vectors of four of out.
    count: u32,
    width: u32,
    quads: u32,
    add: u32,
}

@group(0) @binding(0) var<uniform> params: Accumulate;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn accumulate(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    if item >= params.count {
        return;
    }
    if params.add != 0u {
        out[item] += x[item];
    } else {
        out[item] = x[item];
    }
}

@compute @workgroup_size(64)
fn downsample(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    if item >= params.count {
        return;
    }
    let quad = item % params.quads;
    let column = (item / params.quads) % params.width;
    // Lines of all samples: sample · height + y, whose two lines of x are 2 · that and the next.
    let line = item / (params.quads * params.width);
    let first = (line * 4u * params.width + 2u * column) * params.quads + quad;
    let below = first + 2u * params.width * params.quads;
    var sum = (x[first] + x[first + params.quads]) + (x[below] + x[below + params.quads]);
    if params.add != 0u {
        sum += out[item];
    }
    out[item] = sum;
}

//#import grid
