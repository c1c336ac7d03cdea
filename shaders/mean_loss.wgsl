// The sums that training_loss leaves, to the losses of samples and of the step.
//
// partials  [samples · chunks] vec2: see training_loss.wgsl
// sample_losses  [samples] vec2: the squared error's and the bound's part of each sample's loss; written (=)
// losses    [slots] f32: slot chain.step mod slots is accumulated into (+=)
// One workgroup.

//#import chain

struct MeanLoss {
    samples: u32,
    // Partials of a sample.
    chunks: u32,
    slots: u32,
    pad0: u32,
    // 1 / elements of a sample.
    sample_scale: f32,
    // 1 / samples of the whole batch.
    batch_scale: f32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: MeanLoss;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> sample_losses: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;

var<workgroup> sh_sums: array<f32, 64>;

@compute @workgroup_size(64)
fn mean_loss(@builtin(local_invocation_index) local_ix: u32) {
    var total = 0.0;
    for (var sample = local_ix; sample < params.samples; sample += 64u) {
        var sums = vec2<f32>(0.0);
        for (var i = 0u; i < params.chunks; i++) {
            sums += partials[sample * params.chunks + i];
        }
        sums *= params.sample_scale;
        sample_losses[sample] = sums;
        total += sums.x + sums.y;
    }
    sh_sums[local_ix] = total;
    workgroupBarrier();
    if local_ix == 0u {
        var sum = 0.0;
        for (var i = 0u; i < 64u; i++) {
            sum += sh_sums[i];
        }
        losses[chain.step % params.slots] += sum * params.batch_scale;
    }
}
