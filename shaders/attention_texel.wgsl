// Self-attention for adapters that compute on the CPU: as attention.wgsl, but q, k, v and the weights are read as texels
// (conv2d_texel.wgsl says why). Between `softmax` and `output` the weights are copied from scores into their texture.

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
@group(0) @binding(1) var qkv: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> scores: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

fn qkv_at(ix: u32) -> vec4<f32> {
    return texel(qkv, ix);
}

fn weight_at(ix: u32) -> vec4<f32> {
    return texel(weights, ix);
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
//#import texel
