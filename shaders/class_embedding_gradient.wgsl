// The gradient of the class embedding's table, out[n] = x[n] + table[labels[n]]: d_table[l] += Σ d_out[n] over n with label l.
// (x's gradient is d_out itself.)
//
// labels [rows] u32; d_out [rows, width4] vec4; d_table [labels][width4] vec4, accumulated into (+=).
// One invocation: one vec4 of d_table, which adds up the batch in its order. Dispatch: (⌈width4 / 64⌉, table rows, 1).

struct ClassEmbeddingGradient {
    rows: u32,
    // Vectors of four to a row.
    width4: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: ClassEmbeddingGradient;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> d_table: array<vec4<f32>>;

@compute @workgroup_size(64)
fn class_embedding_gradient(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.width4 {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var n = 0u; n < params.rows; n++) {
        if labels[n] == id.y {
            sum += d_out[n * params.width4 + id.x];
        }
    }
    d_table[id.y * params.width4 + id.x] += sum;
}
