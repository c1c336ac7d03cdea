// The gradient of a classifier that likes `goal`: strength·(goal − x). One invocation an element; x and gradient alike.

struct PullParams {
    words: u32,
    pad0: u32,
    strength: f32,
    goal: f32,
}

@group(0) @binding(0) var<uniform> params: PullParams;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(64)
fn pull(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.words {
        gradient[id.x] = params.strength * (params.goal - x[id.x]);
    }
}
