// The products of Winograd's algorithm on adapters that compute on the CPU: as winograd_product.wgsl, but from texels
// (conv2d_texel.wgsl says why), with 4 tiles by QUADS quads of channels in an invocation's registers.

@group(0) @binding(0) var<uniform> params: Winograd;
@group(0) @binding(1) var inputs: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> planes: array<vec4<f32>>;

const QUADS: u32 = 4u;

@compute @workgroup_size(32)
fn winograd_product_texel(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = workgroup.x * 32u + local_ix;
    let plane = workgroup.y;
    let blocks = (params.out_quads + QUADS - 1u) / QUADS;
    let tile = item / blocks * 4u;
    let first_quad = item % blocks * QUADS;
    if tile >= params.tiles {
        return;
    }
    // What is past the last tile is read from that tile, and not stored.
    let last = params.tiles - 1u;
    let base = plane * params.tiles;
    let base0 = (base + tile) * params.k_quads;
    let base1 = (base + min(tile + 1u, last)) * params.k_quads;
    let base2 = (base + min(tile + 2u, last)) * params.k_quads;
    let base3 = (base + min(tile + 3u, last)) * params.k_quads;
    // sum_PQ: tile P, quad Q.
    var sum_00 = vec4<f32>(0.0);
    var sum_01 = vec4<f32>(0.0);
    var sum_02 = vec4<f32>(0.0);
    var sum_03 = vec4<f32>(0.0);
    var sum_10 = vec4<f32>(0.0);
    var sum_11 = vec4<f32>(0.0);
    var sum_12 = vec4<f32>(0.0);
    var sum_13 = vec4<f32>(0.0);
    var sum_20 = vec4<f32>(0.0);
    var sum_21 = vec4<f32>(0.0);
    var sum_22 = vec4<f32>(0.0);
    var sum_23 = vec4<f32>(0.0);
    var sum_30 = vec4<f32>(0.0);
    var sum_31 = vec4<f32>(0.0);
    var sum_32 = vec4<f32>(0.0);
    var sum_33 = vec4<f32>(0.0);
    var w_ix = plane * params.k_quads * 4u * params.weight_quads + first_quad;
    for (var quad = 0u; quad < params.k_quads; quad++) {
        let x0 = texel(inputs, base0 + quad);
        let x1 = texel(inputs, base1 + quad);
        let x2 = texel(inputs, base2 + quad);
        let x3 = texel(inputs, base3 + quad);
        let w0 = weight_tile(w_ix);
        sum_00 += w0 * x0;
        sum_10 += w0 * x1;
        sum_20 += w0 * x2;
        sum_30 += w0 * x3;
        if QUADS > 1u {
            let w1 = weight_tile(w_ix + 1u);
            sum_01 += w1 * x0;
            sum_11 += w1 * x1;
            sum_21 += w1 * x2;
            sum_31 += w1 * x3;
            let w2 = weight_tile(w_ix + 2u);
            sum_02 += w2 * x0;
            sum_12 += w2 * x1;
            sum_22 += w2 * x2;
            sum_32 += w2 * x3;
            let w3 = weight_tile(w_ix + 3u);
            sum_03 += w3 * x0;
            sum_13 += w3 * x1;
            sum_23 += w3 * x2;
            sum_33 += w3 * x3;
        }
        w_ix += 4u * params.weight_quads;
    }
    store_plane(plane, tile, first_quad, sum_00);
    store_plane(plane, tile + 1u, first_quad, sum_10);
    store_plane(plane, tile + 2u, first_quad, sum_20);
    store_plane(plane, tile + 3u, first_quad, sum_30);
    if QUADS > 1u {
        store_plane(plane, tile, first_quad + 1u, sum_01);
        store_plane(plane, tile, first_quad + 2u, sum_02);
        store_plane(plane, tile, first_quad + 3u, sum_03);
        store_plane(plane, tile + 1u, first_quad + 1u, sum_11);
        store_plane(plane, tile + 1u, first_quad + 2u, sum_12);
        store_plane(plane, tile + 1u, first_quad + 3u, sum_13);
        store_plane(plane, tile + 2u, first_quad + 1u, sum_21);
        store_plane(plane, tile + 2u, first_quad + 2u, sum_22);
        store_plane(plane, tile + 2u, first_quad + 3u, sum_23);
        store_plane(plane, tile + 3u, first_quad + 1u, sum_31);
        store_plane(plane, tile + 3u, first_quad + 2u, sum_32);
        store_plane(plane, tile + 3u, first_quad + 3u, sum_33);
    }
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(ix: u32) -> mat4x4<f32> {
    let stride = params.weight_quads;
    return mat4x4<f32>(
        texel(weights, ix),
        texel(weights, ix + stride),
        texel(weights, ix + 2u * stride),
        texel(weights, ix + 3u * stride),
    );
}

fn store_plane(plane: u32, tile: u32, quad: u32, sum: vec4<f32>) {
    if tile < params.tiles && quad < params.out_quads {
        planes[(plane * params.tiles + tile) * params.out_quads + quad] = sum;
    }
}

//#import texel
//#import winograd
