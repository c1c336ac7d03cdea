// On to the next step of the chain: the last kernel of a step, so that every step encodes the same.
//
//     chain.step += 1;  timesteps[row] = steps[chain.step].t, or 0 past the end
//
// steps: [sampling_steps], in the order they are taken.
// chain: read and written. timesteps: [rows] u32, what the network is told; written with `=`.
// One invocation in all. Dispatch: (1, 1, 1).

//#import chain

struct Advance {
    sampling_steps: u32,
    // Rows of the network's batch.
    rows: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Advance;
@group(0) @binding(1) var<storage, read> steps: array<StepCoefficients>;
@group(0) @binding(2) var<storage, read_write> chain: Chain;
@group(0) @binding(3) var<storage, read_write> timesteps: array<u32>;

@compute @workgroup_size(1)
fn advance() {
    let step_ix = chain.step + 1u;
    var t = 0u;
    if step_ix < params.sampling_steps {
        t = steps[step_ix].t;
    }
    chain.step = step_ix;
    for (var row = 0u; row < params.rows; row++) {
        timesteps[row] = t;
    }
}
