// Self-attention, softmax(q · kᵀ · scale) · v, in three kernels; for shaders that declare
// `qkv_at(ix) -> vec4`, `weight_at(ix) -> vec4`, the buffers `scores` and `out`, and the uniform block `params: Attention`.
//
// qkv      [samples, tokens, 3 · heads · head_quads] vec4: every head's q, then every k, then every v
// scores   [samples, heads, tokens, token_quads] vec4 of four keys; the weights after `softmax`, 0 for keys past the end
// out      [samples, tokens, heads · head_quads] vec4; written (=)

fn qkv_ix(sample: u32, token: u32, part: u32, head: u32) -> u32 {
    let row = sample * params.tokens + min(token, params.tokens - 1u);
    return (row * 3u + part) * params.heads * params.head_quads + head * params.head_quads;
}

// Four queries by eight keys an invocation.
fn scores_tile(item: u32) {
    let query_tiles = (params.tokens + 3u) / 4u;
    let key_tiles = (params.token_quads + 1u) / 2u;
    let key_quad = (item % key_tiles) * 2u;
    let query = ((item / key_tiles) % query_tiles) * 4u;
    let head = (item / (key_tiles * query_tiles)) % params.heads;
    let sample = item / (key_tiles * query_tiles * params.heads);
    if sample >= params.samples {
        return;
    }
    let q0 = qkv_ix(sample, query, 0u, head);
    let q1 = qkv_ix(sample, query + 1u, 0u, head);
    let q2 = qkv_ix(sample, query + 2u, 0u, head);
    let q3 = qkv_ix(sample, query + 3u, 0u, head);
    let key = key_quad * 4u;
    let k0 = qkv_ix(sample, key, 1u, head);
    let k1 = qkv_ix(sample, key + 1u, 1u, head);
    let k2 = qkv_ix(sample, key + 2u, 1u, head);
    let k3 = qkv_ix(sample, key + 3u, 1u, head);
    let k4 = qkv_ix(sample, key + 4u, 1u, head);
    let k5 = qkv_ix(sample, key + 5u, 1u, head);
    let k6 = qkv_ix(sample, key + 6u, 1u, head);
    let k7 = qkv_ix(sample, key + 7u, 1u, head);
    var sum_00 = vec4<f32>(0.0);
    var sum_01 = vec4<f32>(0.0);
    var sum_10 = vec4<f32>(0.0);
    var sum_11 = vec4<f32>(0.0);
    var sum_20 = vec4<f32>(0.0);
    var sum_21 = vec4<f32>(0.0);
    var sum_30 = vec4<f32>(0.0);
    var sum_31 = vec4<f32>(0.0);
    for (var d = 0u; d < params.head_quads; d++) {
        let query0 = qkv_at(q0 + d);
        let query1 = qkv_at(q1 + d);
        let query2 = qkv_at(q2 + d);
        let query3 = qkv_at(q3 + d);
        let keys0 = mat4x4<f32>(qkv_at(k0 + d), qkv_at(k1 + d), qkv_at(k2 + d), qkv_at(k3 + d));
        sum_00 += query0 * keys0;
        sum_10 += query1 * keys0;
        sum_20 += query2 * keys0;
        sum_30 += query3 * keys0;
        let keys1 = mat4x4<f32>(qkv_at(k4 + d), qkv_at(k5 + d), qkv_at(k6 + d), qkv_at(k7 + d));
        sum_01 += query0 * keys1;
        sum_11 += query1 * keys1;
        sum_21 += query2 * keys1;
        sum_31 += query3 * keys1;
    }
    let row = (sample * params.heads + head) * params.tokens;
    store_scores(row, query, key_quad, sum_00, sum_01);
    store_scores(row, query + 1u, key_quad, sum_10, sum_11);
    store_scores(row, query + 2u, key_quad, sum_20, sum_21);
    store_scores(row, query + 3u, key_quad, sum_30, sum_31);
}

fn store_scores(row: u32, query: u32, key_quad: u32, sum0: vec4<f32>, sum1: vec4<f32>) {
    if query >= params.tokens {
        return;
    }
    let ix = (row + query) * params.token_quads + key_quad;
    scores[ix] = sum0 * params.scale;
    if key_quad + 1u < params.token_quads {
        scores[ix + 1u] = sum1 * params.scale;
    }
}

// One row of scores an invocation: exp(s − max) / Σ.
fn softmax_row(row: u32) {
    if row >= params.samples * params.heads * params.tokens {
        return;
    }
    let first = row * params.token_quads;
    var highest = scores[first].x;
    for (var i = 0u; i < params.token_quads; i++) {
        let s = scores[first + i];
        let valid = in_sequence(i);
        let bounded = select(vec4<f32>(highest), s, valid);
        highest = max(max(max(bounded.x, bounded.y), max(bounded.z, bounded.w)), highest);
    }
    var total = 0.0;
    for (var i = 0u; i < params.token_quads; i++) {
        let e = select(vec4<f32>(0.0), exp(min(scores[first + i] - highest, vec4<f32>(0.0))), in_sequence(i));
        scores[first + i] = e;
        total += (e.x + e.y) + (e.z + e.w);
    }
    let factor = 1.0 / total;
    for (var i = 0u; i < params.token_quads; i++) {
        scores[first + i] *= factor;
    }
}

fn in_sequence(key_quad: u32) -> vec4<bool> {
    return vec4<u32>(0u, 1u, 2u, 3u) + key_quad * 4u < vec4<u32>(params.tokens);
}

// Four tokens by two quads of a head's channels an invocation.
fn output_tile(item: u32) {
    let token_tiles = (params.tokens + 3u) / 4u;
    let quad_tiles = (params.head_quads + 1u) / 2u;
    let quad = (item % quad_tiles) * 2u;
    let head = (item / quad_tiles) % params.heads;
    let token = ((item / (quad_tiles * params.heads)) % token_tiles) * 4u;
    let sample = item / (quad_tiles * params.heads * token_tiles);
    if sample >= params.samples {
        return;
    }
    let next = min(quad + 1u, params.head_quads - 1u);
    let first = (sample * params.heads + head) * params.tokens;
    let last = params.tokens - 1u;
    let row0 = (first + token) * params.token_quads;
    let row1 = (first + min(token + 1u, last)) * params.token_quads;
    let row2 = (first + min(token + 2u, last)) * params.token_quads;
    let row3 = (first + min(token + 3u, last)) * params.token_quads;
    var sum_00 = vec4<f32>(0.0);
    var sum_01 = vec4<f32>(0.0);
    var sum_10 = vec4<f32>(0.0);
    var sum_11 = vec4<f32>(0.0);
    var sum_20 = vec4<f32>(0.0);
    var sum_21 = vec4<f32>(0.0);
    var sum_30 = vec4<f32>(0.0);
    var sum_31 = vec4<f32>(0.0);
    for (var i = 0u; i < params.token_quads; i++) {
        let p0 = weight_at(row0 + i);
        let p1 = weight_at(row1 + i);
        let p2 = weight_at(row2 + i);
        let p3 = weight_at(row3 + i);
        let v0 = qkv_ix(sample, i * 4u, 2u, head);
        let v1 = qkv_ix(sample, i * 4u + 1u, 2u, head);
        let v2 = qkv_ix(sample, i * 4u + 2u, 2u, head);
        let v3 = qkv_ix(sample, i * 4u + 3u, 2u, head);
        let values0 = mat4x4<f32>(qkv_at(v0 + quad), qkv_at(v1 + quad), qkv_at(v2 + quad), qkv_at(v3 + quad));
        sum_00 += values0 * p0;
        sum_10 += values0 * p1;
        sum_20 += values0 * p2;
        sum_30 += values0 * p3;
        let values1 = mat4x4<f32>(qkv_at(v0 + next), qkv_at(v1 + next), qkv_at(v2 + next), qkv_at(v3 + next));
        sum_01 += values1 * p0;
        sum_11 += values1 * p1;
        sum_21 += values1 * p2;
        sum_31 += values1 * p3;
    }
    store_output(sample, token, head, quad, sum_00, sum_01);
    store_output(sample, token + 1u, head, quad, sum_10, sum_11);
    store_output(sample, token + 2u, head, quad, sum_20, sum_21);
    store_output(sample, token + 3u, head, quad, sum_30, sum_31);
}

fn store_output(sample: u32, token: u32, head: u32, quad: u32, sum0: vec4<f32>, sum1: vec4<f32>) {
    if token >= params.tokens {
        return;
    }
    let ix = ((sample * params.tokens + token) * params.heads + head) * params.head_quads + quad;
    out[ix] = sum0;
    if quad + 1u < params.head_quads {
        out[ix + 1u] = sum1;
    }
}
