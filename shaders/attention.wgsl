// Self-attention over the pixels of a picture; equation, layouts and the tiles in include/attention_tiles.wgsl.
// Three dispatches: `scores`, one invocation 4 queries × 8 keys; `softmax`, one invocation a row; `output`, one invocation
// 4 tokens × 8 channels. scores and out are written (=).

struct Attention {
    samples: u32,
    tokens: u32,
    token_quads: u32,
    heads: u32,
    head_quads: u32,
    scale: f32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Attention;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> scores: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

fn qkv_at(ix: u32) -> vec4<f32> {
    return qkv[ix];
}

fn weight_at(ix: u32) -> vec4<f32> {
    return scores[ix];
}

@compute @workgroup_size(64)
fn attention_scores(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    scores_tile(grid_index(workgroup, workgroups, local_ix));
}

@compute @workgroup_size(64)
fn attention_softmax(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    softmax_row(grid_index(workgroup, workgroups, local_ix));
}

@compute @workgroup_size(64)
fn attention_output(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    output_tile(grid_index(workgroup, workgroups, local_ix));
}

//#import attention_tiles
//#import grid
