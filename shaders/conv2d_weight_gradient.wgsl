// The gradient of a convolution's weights, as a GEMM over all output pixels:
//
//     d_w[tap, ci, co] = Σ_p x[p under tap, ci] · d_out[p, co]
//
// x        [samples, in_height, in_width, x_quads] vec4: one source; a concatenation takes two dispatches
// d_out    [samples, out_height, out_width, out_quads]
// partials [splits, kernel · kernel · k_quads · 4, weight_quads] vec4 of four output channels, this source's rows from k_offset
//          on: the sum over each split's lines of pixels, written (=); sum_partials.wgsl adds them up in order
// One workgroup TILE input by TILE output channels of one tap and one split, 4 × 4 an invocation, 16 pixels at a time.
// Dispatch: (x_quads · 4 / TILE, weight_quads · 4 / TILE, kernel · kernel · splits).

const TILE: u32 = 32u;
const TILE_QUADS: u32 = TILE / 4u;
const INVOCATIONS: u32 = TILE_QUADS * TILE_QUADS;
const LOADS: u32 = TILE * 4u / INVOCATIONS;

@group(0) @binding(0) var<uniform> params: Conv2dWeightGradient;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;

var<workgroup> sh_x: array<vec4<f32>, TILE_QUADS * 16u>; // [pixel][quad]
var<workgroup> sh_d: array<vec4<f32>, TILE_QUADS * 16u>; // [pixel][quad]

@compute @workgroup_size(INVOCATIONS)
fn conv2d_weight_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let first_x = workgroup.x * TILE_QUADS;
    let first_out = workgroup.y * TILE_QUADS;
    let tap = workgroup.z % (params.kernel * params.kernel);
    let split = workgroup.z / (params.kernel * params.kernel);
    let pixels = split_pixels(split);
    let x_quad = local_ix / TILE_QUADS;
    let out_quad = local_ix % TILE_QUADS;

    var acc0 = vec4<f32>(0.0);
    var acc1 = vec4<f32>(0.0);
    var acc2 = vec4<f32>(0.0);
    var acc3 = vec4<f32>(0.0);
    for (var first = pixels.x; first < pixels.y; first += 16u) {
        for (var i = 0u; i < LOADS; i++) {
            let ix = local_ix + i * INVOCATIONS;
            let pixel = first + ix / TILE_QUADS;
            let quad = ix % TILE_QUADS;
            var x_value = vec4<f32>(0.0);
            var d_value = vec4<f32>(0.0);
            if pixel < pixels.y {
                let source = source_of(pixel, tap);
                if source >= 0 && first_x + quad < params.x_quads {
                    x_value = x[u32(source) * params.x_quads + first_x + quad];
                }
                if first_out + quad < params.out_quads {
                    d_value = d_out[pixel * params.out_quads + first_out + quad];
                }
            }
            sh_x[ix] = x_value;
            sh_d[ix] = d_value;
        }
        workgroupBarrier();
        for (var p = 0u; p < 16u * TILE_QUADS; p += TILE_QUADS) {
            let x_value = sh_x[p + x_quad];
            let d_value = sh_d[p + out_quad];
            acc0 += x_value.x * d_value;
            acc1 += x_value.y * d_value;
            acc2 += x_value.z * d_value;
            acc3 += x_value.w * d_value;
        }
        workgroupBarrier();
    }
    if first_x + x_quad < params.x_quads && first_out + out_quad < params.weight_quads {
        store_partial(split, tap, first_x + x_quad, first_out + out_quad, acc0, acc1, acc2, acc3);
    }
}

//#import conv2d_splits
