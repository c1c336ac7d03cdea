// The norm of all gradients together, and by how much they are to be shortened (torch.nn.utils.clip_grad_norm_):
//
//     norm = √(Σ g²),  factor = min(1, max_norm / (norm + 1e-6)), or 1 without max_norm
//
// gradients [count] vec4: one bank
// partials  [all banks' partial sums] f32; `squares` writes this bank's (=) from first_partial on
// factor    [1] f32; written (=) by `norm`
// norms     [slots] f32: slot chain.step mod slots is written (=)
// Two dispatches: `squares` for each bank, one invocation 64 vec4s, a workgroup's interleaved; `norm` once, one workgroup.

struct GradientNorm {
    // Vectors of four of this bank.
    count: u32,
    first_partial: u32,
    // Of all banks.
    partials: u32,
    slots: u32,
    // 0 for no limit.
    max_norm: f32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: GradientNorm;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> factor: array<f32>;
@group(0) @binding(5) var<storage, read_write> norms: array<f32>;

@compute @workgroup_size(64)
fn squares(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let first = workgroup.x * 4096u;
    var sum = vec4<f32>(0.0);
    for (var i = first + local_ix; i < min(first + 4096u, params.count); i += 64u) {
        let g = gradients[i];
        sum += g * g;
    }
    partials[params.first_partial + workgroup.x * 64u + local_ix] = (sum.x + sum.y) + (sum.z + sum.w);
}

var<workgroup> sh_sums: array<f32, 64>;

@compute @workgroup_size(64)
fn norm(@builtin(local_invocation_index) local_ix: u32) {
    var sum = 0.0;
    for (var i = local_ix; i < params.partials; i += 64u) {
        sum += partials[i];
    }
    sh_sums[local_ix] = sum;
    workgroupBarrier();
    if local_ix == 0u {
        var total = 0.0;
        for (var i = 0u; i < 64u; i++) {
            total += sh_sums[i];
        }
        let length = sqrt(total);
        norms[chain.step % params.slots] = length;
        factor[0] = select(1.0, min(1.0, params.max_norm / (length + 1e-6)), params.max_norm > 0.0);
    }
}

//#import chain
