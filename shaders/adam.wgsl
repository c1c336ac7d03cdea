// One step of Adam (arXiv 1412.6980, Algorithm 1) with decoupled weight decay (AdamW, arXiv 1711.05101), and the moving average
// of the parameters:
//
//     g = factor · gradient,  m = β1 · m + (1 − β1) · g,  v = β2 · v + (1 − β2) · g²
//     θ = θ − lr · decay · θ − lr · (m / (1 − β1^k)) / (√(v / (1 − β2^k)) + eps)
//     average = ema · average + (1 − ema) · θ
//
// step      this step's numbers, from the host: k is in the two corrections 1 / (1 − β^k)
// factor    [1]: from gradient_norm.wgsl
// gradients [count] vec4: one bank; values, first_moment, second_moment, average like it; read and written
// One invocation a vec4. Padding stays zero: its gradient is.

struct Adam {
    // Vectors of four.
    count: u32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    weight_decay: f32,
    // 1 − β1 and 1 − β2, rounded once.
    rate1: f32,
    rate2: f32,
    pad: u32,
}

struct AdamStep {
    learning_rate: f32,
    first_correction: f32,
    second_correction: f32,
    // 1 − ema.
    average_rate: f32,
}

@group(0) @binding(0) var<uniform> params: Adam;
@group(0) @binding(1) var<storage, read> step: AdamStep;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> first_moment: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> second_moment: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> average: array<vec4<f32>>;

@compute @workgroup_size(64)
fn adam(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let i = grid_index(workgroup, workgroups, local_ix);
    if i >= params.count {
        return;
    }
    let g = gradients[i] * factor[0];
    let m = params.beta1 * first_moment[i] + params.rate1 * g;
    let v = params.beta2 * second_moment[i] + params.rate2 * g * g;
    let direction = m * step.first_correction / (sqrt(v * step.second_correction) + params.eps);
    let value = values[i] - step.learning_rate * (params.weight_decay * values[i] + direction);
    first_moment[i] = m;
    second_moment[i] = v;
    values[i] = value;
    average[i] += step.average_rate * (value - average[i]);
}

//#import grid
