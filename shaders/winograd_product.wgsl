// The products of Winograd's algorithm, one a plane p: planes[p, tile, co] = Σ_ci inputs[p, tile, ci] · weights[p, ci, co]
// (winograd_input.wgsl).
//
// inputs   [36, out_width, a_quads] vec4: a line of pixels for each plane, a pixel for each tile
// weights  [36, a_quads · 4, out_quads] vec4 of four output channels
// planes   [36, out_width, out_quads]; written (=)
// One workgroup a block of TILE tiles by TILE channels of a plane, 4 × 4 an invocation, K in steps of 16.
// Dispatch: (tiles / TILE, quads · 4 / TILE, 36).

const TILE: u32 = 32u;
const TILE_QUADS: u32 = TILE / 4u;
const INVOCATIONS: u32 = TILE_QUADS * TILE_QUADS;
const LOADS: u32 = TILE * 4u / INVOCATIONS;

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> inputs: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> planes: array<vec4<f32>>;

var<workgroup> sh_x: array<vec4<f32>, TILE * 4u>; // [quad of K][tile]
var<workgroup> sh_w: array<vec4<f32>, TILE_QUADS * 16u>; // [k][quad of channels]

@compute @workgroup_size(INVOCATIONS)
fn winograd_product(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_ix: u32) {
    let plane = workgroup.z;
    let first_tile = workgroup.x * TILE;
    let first_quad = workgroup.y * TILE_QUADS;
    let row = (local_ix / TILE_QUADS) * 4u;
    let column = local_ix % TILE_QUADS;

    var sum0 = vec4<f32>(0.0);
    var sum1 = vec4<f32>(0.0);
    var sum2 = vec4<f32>(0.0);
    var sum3 = vec4<f32>(0.0);
    for (var quad = 0u; quad < params.a_quads; quad += 4u) {
        for (var i = 0u; i < LOADS; i++) {
            let load_row = local_ix / 4u + i * (INVOCATIONS / 4u);
            let tile = first_tile + load_row;
            let k_quad = quad + local_ix % 4u;
            var value = vec4<f32>(0.0);
            if tile < params.out_width && k_quad < params.a_quads {
                value = inputs[(plane * params.out_width + tile) * params.a_quads + k_quad];
            }
            sh_x[(local_ix % 4u) * TILE + load_row] = value;
        }
        for (var i = 0u; i < LOADS; i++) {
            let ix = local_ix + i * INVOCATIONS;
            let k = quad * 4u + ix / TILE_QUADS;
            let co = first_quad + ix % TILE_QUADS;
            var value = vec4<f32>(0.0);
            if k < params.a_quads * 4u && co < params.out_quads {
                value = weights[(plane * params.a_quads * 4u + k) * params.out_quads + co];
            }
            sh_w[ix] = value;
        }
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            let w = weight_tile(i, column);
            let x_ix = i * TILE + row;
            sum0 += w * sh_x[x_ix];
            sum1 += w * sh_x[x_ix + 1u];
            sum2 += w * sh_x[x_ix + 2u];
            sum3 += w * sh_x[x_ix + 3u];
        }
        workgroupBarrier();
    }
    store_plane(plane, first_tile + row, first_quad + column, sum0);
    store_plane(plane, first_tile + row + 1u, first_quad + column, sum1);
    store_plane(plane, first_tile + row + 2u, first_quad + column, sum2);
    store_plane(plane, first_tile + row + 3u, first_quad + column, sum3);
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(k_quad: u32, column: u32) -> mat4x4<f32> {
    let ix = k_quad * 4u * TILE_QUADS + column;
    return mat4x4<f32>(sh_w[ix], sh_w[ix + TILE_QUADS], sh_w[ix + 2u * TILE_QUADS], sh_w[ix + 3u * TILE_QUADS]);
}

fn store_plane(plane: u32, tile: u32, quad: u32, sum: vec4<f32>) {
    if tile < params.out_width && quad < params.out_quads {
        planes[(plane * params.out_width + tile) * params.out_quads + quad] = sum;
    }
}

//#import conv2d
