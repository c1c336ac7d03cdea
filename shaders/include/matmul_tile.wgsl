// The kernels of a batched matrix product, for shaders that declare `a_at(ix) -> vec4`, `b_at(ix) -> vec4`, the buffer
// `c` and the uniform block `params: Matmul`. For each sample and head
//
//     matmul_nt   c[m, n] = scale · Σ_k a[m, k] · b[n, k]
//     matmul_nn   c[m, n] = scale · Σ_k a[m, k] · b[k, n]
//     matmul_tn   c[m, n] = scale · Σ_k a[k, m] · b[k, n]
//
// with m < rows, n < columns and k < depth. A row of each matrix is a run of vec4s, padded with zeros; vec4 `quad` of
// row `row` of a is a_at(a_offset + sample · a_sample + head · a_head + row · a_row + quad), and likewise in b and c.
// c is written (=), its padding too.
// One invocation 4 rows by 8 columns of c, kept in registers.
//
// All three are one loop over 4 × 4 blocks: c's block += b's · a's, where a's has a row of c in each column and b's a k in
// each column. What differs is which way k runs in memory: along an operand's rows, so that a block's four vec4s stay in
// their rows and go on by one; or down its rows, so that they go on by four rows.
//
// 4 rows by 16 columns fetch less for a product, and on llvmpipe take an eighth less time with heads of 64 channels; but
// with heads of 8 they take twice as long where those are c's columns, and on SwiftShader they are no faster.

struct Matmul {
    samples: u32,
    heads: u32,
    rows: u32,
    columns: u32,
    depth: u32,
    scale: f32,
    a_offset: u32,
    a_sample: u32,
    a_head: u32,
    a_row: u32,
    b_offset: u32,
    b_sample: u32,
    b_head: u32,
    b_row: u32,
    c_offset: u32,
    c_sample: u32,
    c_head: u32,
    c_row: u32,
    pad0: u32,
    pad1: u32,
}

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

@compute @workgroup_size(64)
fn matmul_nt(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    product(grid_index(workgroup, workgroups, local_ix), false, false);
}

@compute @workgroup_size(64)
fn matmul_nn(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    product(grid_index(workgroup, workgroups, local_ix), false, true);
}

@compute @workgroup_size(64)
fn matmul_tn(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    product(grid_index(workgroup, workgroups, local_ix), true, true);
}

// The tile of invocation `item`; `a_down`, `b_down`: whether k runs down the operand's rows. The last quad of an odd number
// has no second beside it: it is then computed twice and stored once.
fn product(item: u32, a_down: bool, b_down: bool) {
    let row_blocks = (params.rows + 3u) / 4u;
    let quads = (params.columns + 3u) / 4u;
    let quad_pairs = (quads + 1u) / 2u;
    let quad = (item % quad_pairs) * 2u;
    let row_block = (item / quad_pairs) % row_blocks;
    let head = (item / (quad_pairs * row_blocks)) % params.heads;
    let sample = item / (quad_pairs * row_blocks * params.heads);
    if sample >= params.samples {
        return;
    }
    let a_first = params.a_offset + sample * params.a_sample + head * params.a_head;
    let b_first = params.b_offset + sample * params.b_sample + head * params.b_head;
    let c_first = params.c_offset + sample * params.c_sample + head * params.c_head;
    let next = min(quad + 1u, quads - 1u);
    var a_walk = walk(a_first, params.a_row, row_block, params.rows, a_down);
    var b_walk0 = walk(b_first, params.b_row, quad, params.columns, b_down);
    var b_walk1 = walk(b_first, params.b_row, next, params.columns, b_down);
    var sum0 = mat4x4<f32>();
    var sum1 = mat4x4<f32>();
    for (var k = 0u; k < params.depth; k += 4u) {
        let a_block = load_a(a_walk.ix, k, a_down);
        sum0 += load_b(b_walk0.ix, b_down) * a_block;
        sum1 += load_b(b_walk1.ix, b_down) * a_block;
        a_walk = go_on(a_walk);
        b_walk0 = go_on(b_walk0);
        b_walk1 = go_on(b_walk1);
    }
    store_block(c_first, row_block * 4u, quad, sum0);
    store_block(c_first, row_block * 4u, quad + 1u, sum1);
}

// The four vec4s of a block, how far each is from the next block's, and where each stays at the end of its operand.
struct Walk {
    ix: vec4<u32>,
    step: u32,
    last: u32,
}

// The way through an operand for block `block` of c's rows or columns, `extent` of them in all. What is past the operand's
// last row is read from that row.
fn walk(first: u32, stride: u32, block: u32, extent: u32, down: bool) -> Walk {
    if down {
        let last = first + (params.depth - 1u) * stride + block;
        return Walk(min(first + block + LANES * stride, vec4<u32>(last)), 4u * stride, last);
    }
    return Walk(first + min(block * 4u + LANES, vec4<u32>(extent - 1u)) * stride, 1u, 0xffffffffu);
}

fn go_on(at: Walk) -> Walk {
    return Walk(min(at.ix + at.step, vec4<u32>(at.last)), at.step, at.last);
}

// A row of c in each column. A sum's terms past the last are zero by a: along its rows by what they are padded with, down
// them by leaving out those that are past the last.
fn load_a(ix: vec4<u32>, k: u32, down: bool) -> mat4x4<f32> {
    let block = mat4x4<f32>(a_at(ix.x), a_at(ix.y), a_at(ix.z), a_at(ix.w));
    if down {
        let share = select(vec4<f32>(0.0), vec4<f32>(1.0), k + LANES < vec4<u32>(params.depth));
        return transpose(mat4x4<f32>(block[0] * share.x, block[1] * share.y, block[2] * share.z, block[3] * share.w));
    }
    return block;
}

// A k in each column.
fn load_b(ix: vec4<u32>, down: bool) -> mat4x4<f32> {
    let block = mat4x4<f32>(b_at(ix.x), b_at(ix.y), b_at(ix.z), b_at(ix.w));
    if down {
        return block;
    }
    return transpose(block);
}

fn store_block(first: u32, row: u32, quad: u32, block: mat4x4<f32>) {
    store(first, row, quad, block[0]);
    store(first, row + 1u, quad, block[1]);
    store(first, row + 2u, quad, block[2]);
    store(first, row + 3u, quad, block[3]);
}

fn store(first: u32, row: u32, quad: u32, sum: vec4<f32>) {
    if row >= params.rows || quad * 4u >= params.columns {
        return;
    }
    let in_row = quad * 4u + LANES < vec4<u32>(params.columns);
    c[first + row * params.c_row + quad] = select(vec4<f32>(0.0), sum * params.scale, in_row);
}

//#import grid
