// The rows of a convolution's implicit GEMM, for the uniform block `params: Conv2d`: where a row's taps read, and what is
// added before a row is stored.

// (y, x) that tap (0, 0) of a row reads, and the first pixel of its sample; y is far outside for rows past the end.
fn origin(row: u32) -> vec3<i32> {
    if row >= params.rows {
        return vec3<i32>(-65536, 0, 0);
    }
    let line = row / params.out_width;
    let y = i32((line % params.out_height) * params.stride) - i32(params.padding);
    let x = i32((row % params.out_width) * params.stride) - i32(params.padding);
    let sample = line / params.out_height;
    return vec3<i32>(y, x, i32(sample * params.in_height * params.in_width));
}

// The pixel that a tap reads, or −1 outside of the picture. `upsample` 1 reads each pixel as 2 × 2 of them; 2 reads
// zeros between the pixels, which makes of a convolution the gradient of one with stride 2.
fn source_pixel(origin: vec3<i32>, ky: i32, kx: i32) -> i32 {
    let y = origin.x + ky;
    let x = origin.y + kx;
    let shift = min(params.upsample, 1u);
    let height = i32(params.in_height << shift);
    let width = i32(params.in_width << shift);
    if y < 0 || x < 0 || y >= height || x >= width || (params.upsample == 2u && ((x | y) & 1) != 0) {
        return -1;
    }
    return origin.z + (y >> shift) * i32(params.in_width) + (x >> shift);
}

fn store(row: u32, quad: u32, sum: vec4<f32>) {
    if row >= params.rows || quad >= params.out_quads {
        return;
    }
    var value = sum;
    if params.has_bias != 0u {
        value += bias[quad];
    }
    if params.has_embedding != 0u {
        let sample = row / (params.out_height * params.out_width);
        value += embedding[sample * params.embedding_stride + params.embedding_quad + quad];
    }
    let ix = row * params.out_quads + quad;
    if params.has_residual != 0u {
        value += residual[ix];
    }
    if params.accumulate != 0u {
        value += out[ix];
    }
    out[ix] = value;
}

//#import conv2d
