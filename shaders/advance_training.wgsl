// On to the next micro-batch, or the next step: the last kernel of each.
//
//     chain.first_sample += samples;  at the end of a step chain.step += 1, and the loss's next slot is 0
//
// chain: read and written. losses: [slots] f32. One invocation in all. Dispatch: (1, 1, 1).

struct AdvanceTraining {
    // Of a micro-batch.
    samples: u32,
    // 1 at the end of a step.
    ends_step: u32,
    slots: u32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: AdvanceTraining;
@group(0) @binding(1) var<storage, read_write> chain: Chain;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(1)
fn advance_training() {
    chain.first_sample += params.samples;
    if params.ends_step != 0u {
        chain.step += 1u;
        losses[chain.step % params.slots] = 0.0;
    }
}

//#import chain
