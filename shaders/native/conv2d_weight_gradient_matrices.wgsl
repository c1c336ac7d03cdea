// The gradient of a convolution's weights (conv2d_weight_gradient.wgsl) on an adapter's matrix units: both operands rounded to
// f16, sums in f32.
//
//     d_w[tap, ci, co] = Σ_p f16(x[p under tap, ci]) · f16(scale · d_out[p, co]) / scale
//
// Needs f16, subgroups of at most SUBGROUP invocations, and cooperative matrices of SIDE × SIDE. `scale` is a power of two, and what
// is too large for f16 becomes the largest that is not (conv2d_matrices.wgsl).
//
// All operands are conv2d_weight_gradient.wgsl's.
// One workgroup 4 · SIDE input by 4 · SIDE output channels of one tap and one split, 2 · SIDE pixels at a time: four subgroups,
// 2 by 2, each with 2 × 2 matrices of sums; where subgroups are smaller there are more of them, which only load.
// Dispatch: (x_quads / SIDE, weight_quads / SIDE, kernel · kernel · splits).
enable f16;
enable wgpu_cooperative_matrix;

const SIDE: u32 = 16u;
const SUBGROUP: u32 = 32u;
const SUBGROUPS: u32 = 4u;
const INVOCATIONS: u32 = SUBGROUPS * SUBGROUP;
const QUADS: u32 = SIDE; // of channels, in and out
const PIXELS: u32 = 2u * SIDE;
const LARGEST: vec4<f32> = vec4<f32>(65504.0);

@group(0) @binding(0) var<uniform> params: Conv2dWeightGradient;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> d_out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;

var<workgroup> sh_x: array<vec4<f16>, PIXELS * QUADS>; // [pixel][quad]
var<workgroup> sh_d: array<vec4<f16>, PIXELS * QUADS>; // [pixel][quad]
var<workgroup> sh_sums: array<vec4<f32>, SIDE * SIDE>; // of each subgroup, [input channel][quad]

@compute @workgroup_size(INVOCATIONS)
fn conv2d_weight_gradient_matrices(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let first_x = workgroup.x * QUADS;
    let first_out = workgroup.y * QUADS;
    let tap = workgroup.z % (params.kernel * params.kernel);
    let split = workgroup.z / (params.kernel * params.kernel);
    let pixels = split_pixels(split);
    // Quads of this subgroup's channels.
    let x_quad = subgroup / 2u * (QUADS / 2u);
    let out_quad = subgroup % 2u * (QUADS / 2u);

    // sum_PQ: input channels P, output channels Q.
    var sum_00 = Sums();
    var sum_01 = Sums();
    var sum_10 = Sums();
    var sum_11 = Sums();
    for (var first = pixels.x; first < pixels.y; first += PIXELS) {
        for (var ix = local_ix; ix < PIXELS * QUADS; ix += INVOCATIONS) {
            let pixel = first + ix / QUADS;
            let quad = ix % QUADS;
            var x_value = vec4<f32>(0.0);
            var d_value = vec4<f32>(0.0);
            if pixel < pixels.y {
                let source = source_of(pixel, tap);
                if source >= 0 && first_x + quad < params.x_quads {
                    x_value = x[u32(source) * params.x_quads + first_x + quad];
                }
                if first_out + quad < params.out_quads {
                    d_value = d_out[pixel * params.out_quads + first_out + quad] * params.scale;
                }
            }
            sh_x[ix] = vec4<f16>(clamp(x_value, -LARGEST, LARGEST));
            sh_d[ix] = vec4<f16>(clamp(d_value, -LARGEST, LARGEST));
        }
        workgroupBarrier();
        for (var k = 0u; k < 2u && subgroup < SUBGROUPS; k++) {
            let pixel_ix = k * SIDE * QUADS;
            // [pixel][channel] in memory, so a column of it is a pixel.
            let x0 = coopLoad<Left>(&sh_x[pixel_ix + x_quad], QUADS);
            let x1 = coopLoad<Left>(&sh_x[pixel_ix + x_quad + SIDE / 4u], QUADS);
            let d0 = coopLoadT<Right>(&sh_d[pixel_ix + out_quad], QUADS);
            let d1 = coopLoadT<Right>(&sh_d[pixel_ix + out_quad + SIDE / 4u], QUADS);
            sum_00 = coopMultiplyAdd(x0, d0, sum_00);
            sum_01 = coopMultiplyAdd(x0, d1, sum_01);
            sum_10 = coopMultiplyAdd(x1, d0, sum_10);
            sum_11 = coopMultiplyAdd(x1, d1, sum_11);
        }
        workgroupBarrier();
    }
    let sums_ix = subgroup * SIDE * SIDE / 4u;
    // Subgroups that only load store nothing.
    let first_ix = select(SIDE * SIDE, lane, subgroup < SUBGROUPS);
    if subgroup < SUBGROUPS {
        coopStoreT(sum_00, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(split, tap, first_x + x_quad, first_out + out_quad, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_01, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(split, tap, first_x + x_quad, first_out + out_quad + SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_10, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(split, tap, first_x + x_quad + SIDE / 4u, first_out + out_quad, sums_ix, first_ix, lanes);
    workgroupBarrier();
    if subgroup < SUBGROUPS {
        coopStoreT(sum_11, &sh_sums[sums_ix], SIDE / 4u);
    }
    workgroupBarrier();
    store_matrix(split, tap, first_x + x_quad + SIDE / 4u, first_out + out_quad + SIDE / 4u, sums_ix, first_ix, lanes);
    workgroupBarrier();
}

// The matrix of sums that a subgroup put at `sums_ix`, four rows at a time.
fn store_matrix(split: u32, tap: u32, first_x: u32, first_out: u32, sums_ix: u32, first_ix: u32, lanes: u32) {
    let width = SIDE / 4u;
    for (var block = first_ix; block < width * width; block += lanes) {
        let x_quad = first_x + block / width;
        let out_quad = first_out + block % width;
        if x_quad < params.x_quads && out_quad < params.weight_quads {
            let ix = sums_ix + block / width * SIDE + block % width;
            let row0 = sh_sums[ix] / params.scale;
            let row1 = sh_sums[ix + width] / params.scale;
            let row2 = sh_sums[ix + 2u * width] / params.scale;
            let row3 = sh_sums[ix + 3u * width] / params.scale;
            store_partial(split, tap, x_quad, out_quad, row0, row1, row2, row3);
        }
    }
}

//#import matrices_SIDE
//#import conv2d_splits
