// What memory does at best: out = x.
//
// x, out   [count] vec4; out is written (=)
// One invocation a vec4.

struct Copy {
    count: u32,
    width: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Copy;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3<u32>) {
    let ix = id.y * params.width + id.x;
    if (ix < params.count) {
        out[ix] = x[ix];
    }
}
