// The class embedding, added to the time embedding.
//
//     out[n] = x[n] + table[labels[n]]
//
// x, out: [rows][width4] vec4, distinct buffers. labels: [rows] u32, each below the table's rows.
// table: [num_class_embeds][width4] vec4. out is written with `=`.
// One invocation: one vec4 of out. Dispatch: (⌈width4 / 64⌉, rows, 1).

struct ClassEmbedding {
    rows: u32,
    // Vectors of four to a row.
    width4: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: ClassEmbedding;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn class_embedding(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.width4 || id.y >= params.rows {
        return;
    }
    let place = id.y * params.width4 + id.x;
    out[place] = x[place] + table[labels[id.y] * params.width4 + id.x];
}
