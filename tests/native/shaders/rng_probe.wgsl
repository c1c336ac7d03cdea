// For tests alone: the draws of include/ laid open.
//
// Entry `draw_blocks`: words[i] = Philox's block of counter (first_block + i, t, sample, stream), normals[i] = its
//    four normals; i < count.
// Entry `cos_sin`: normals[i] = (cos, sin, 0, 0) of phase first_block + i·phase_step, words[i].x = that phase.
// words: [count] vec4<u32>, normals: [count] vec4<f32>; written with `=`.
// One invocation: one i. Dispatch: (⌈count / 64⌉, 1, 1).

//#import normal

struct RngProbe {
    count: u32,
    first_block: u32,
    t: u32,
    sample: u32,
    stream: u32,
    seed_lo: u32,
    seed_hi: u32,
    phase_step: u32,
}

@group(0) @binding(0) var<uniform> params: RngProbe;
@group(0) @binding(1) var<storage, read_write> words: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> normals: array<vec4<f32>>;

@compute @workgroup_size(64)
fn draw_blocks(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.count {
        return;
    }
    let block_ix = params.first_block + id.x;
    let key = vec2<u32>(params.seed_lo, params.seed_hi);
    words[id.x] = philox4x32_10(vec4<u32>(block_ix, params.t, params.sample, params.stream), key);
    normals[id.x] = normal_block(key, params.stream, params.t, params.sample, block_ix);
}

@compute @workgroup_size(64)
fn cos_sin(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.count {
        return;
    }
    let phase = params.first_block + id.x * params.phase_step;
    words[id.x] = vec4<u32>(phase, 0u, 0u, 0u);
    normals[id.x] = vec4<f32>(cos_sin_turns(phase), 0.0, 0.0);
}
