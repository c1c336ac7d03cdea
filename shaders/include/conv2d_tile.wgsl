// The sums of a tile of a convolution's implicit GEMM, for the bindings, the block `params` and the consts of conv2d.wgsl, and a
// function `weight` that reads one vec4 of the weights.

var<workgroup> sh_x: array<vec4<f32>, TILE * 4u>; // [quad of K][row]
var<workgroup> sh_w: array<vec4<f32>, TILE_QUADS * 16u>; // [k][quad of channels]

// The sums over all taps and the channels from quad first_k up to end_k: a column for each row of the invocation.
fn tile_sums(workgroup: vec3<u32>, local_ix: u32, first_k: u32, end_k: u32) -> mat4x4<f32> {
    let first_quad = workgroup.y * TILE_QUADS;
    let tile_row = (local_ix / TILE_QUADS) * 4u;
    let tile_quad = local_ix % TILE_QUADS;
    let k_quads = params.a_quads + params.b_quads;

    // The rows that this invocation loads: where their tap (0, 0) reads, and the sample's first pixel.
    let load_quad = local_ix % 4u;
    var origins: array<vec3<i32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        origins[i] = origin(workgroup.x * TILE + local_ix / 4u + i * (INVOCATIONS / 4u));
    }

    var acc0 = vec4<f32>(0.0);
    var acc1 = vec4<f32>(0.0);
    var acc2 = vec4<f32>(0.0);
    var acc3 = vec4<f32>(0.0);
    for (var tap = 0u; tap < params.kernel * params.kernel; tap++) {
        let ky = i32(tap / params.kernel);
        let kx = i32(tap % params.kernel);
        for (var quad = first_k; quad < end_k; quad += 4u) {
            for (var i = 0u; i < LOADS; i++) {
                sh_x[load_quad * TILE + local_ix / 4u + i * (INVOCATIONS / 4u)] =
                    load_x(origins[i], ky, kx, quad + load_quad);
            }
            for (var i = 0u; i < LOADS; i++) {
                let ix = local_ix + i * INVOCATIONS;
                let k_quad = quad + ix / (TILE_QUADS * 4u);
                let k = (tap * k_quads + quad) * 4u + ix / TILE_QUADS;
                let co = first_quad + ix % TILE_QUADS;
                var w = vec4<f32>(0.0);
                if k_quad < k_quads && co < params.out_quads {
                    w = weight(k * params.out_quads + co);
                }
                sh_w[ix] = w;
            }
            workgroupBarrier();
            let w0 = weight_tile(0u, tile_quad);
            acc0 += w0 * sh_x[tile_row];
            acc1 += w0 * sh_x[tile_row + 1u];
            acc2 += w0 * sh_x[tile_row + 2u];
            acc3 += w0 * sh_x[tile_row + 3u];
            let w1 = weight_tile(1u, tile_quad);
            acc0 += w1 * sh_x[TILE + tile_row];
            acc1 += w1 * sh_x[TILE + tile_row + 1u];
            acc2 += w1 * sh_x[TILE + tile_row + 2u];
            acc3 += w1 * sh_x[TILE + tile_row + 3u];
            let w2 = weight_tile(2u, tile_quad);
            acc0 += w2 * sh_x[2u * TILE + tile_row];
            acc1 += w2 * sh_x[2u * TILE + tile_row + 1u];
            acc2 += w2 * sh_x[2u * TILE + tile_row + 2u];
            acc3 += w2 * sh_x[2u * TILE + tile_row + 3u];
            let w3 = weight_tile(3u, tile_quad);
            acc0 += w3 * sh_x[3u * TILE + tile_row];
            acc1 += w3 * sh_x[3u * TILE + tile_row + 1u];
            acc2 += w3 * sh_x[3u * TILE + tile_row + 2u];
            acc3 += w3 * sh_x[3u * TILE + tile_row + 3u];
            workgroupBarrier();
        }
    }
    return mat4x4<f32>(acc0, acc1, acc2, acc3);
}

// Four input channels by four output channels: its columns are the rows k of the weights.
fn weight_tile(k_quad: u32, tile_quad: u32) -> mat4x4<f32> {
    let ix = k_quad * 4u * TILE_QUADS + tile_quad;
    return mat4x4<f32>(sh_w[ix], sh_w[ix + TILE_QUADS], sh_w[ix + 2u * TILE_QUADS], sh_w[ix + 3u * TILE_QUADS]);
}

//#import conv2d_sources
