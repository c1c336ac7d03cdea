// The network of the whole chains in fixtures/diffusion: ε(x, t) = 0.8·x + bias[t], with bias[t] = 0.05·sin t from the host.
// One invocation an element. x, model_output: alike.

//#import chain

struct ToyModel {
    words: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: ToyModel;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> model_output: array<f32>;

@compute @workgroup_size(64)
fn toy_model(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.words {
        model_output[id.x] = 0.8 * x[id.x] + bias[steps[chain.step].t];
    }
}
