// The rows of a convolution's implicit GEMM, for a uniform block `params` with Conv2d's fields: where a row's taps
// read, and what is added before a row is stored.

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

// The pixel that a tap reads, or −1 outside of the picture.
fn source_pixel(origin: vec3<i32>, ky: i32, kx: i32) -> i32 {
    let y = origin.x + ky;
    let x = origin.y + kx;
    let height = i32(params.in_height << params.upsample);
    let width = i32(params.in_width << params.upsample);
    if y < 0 || x < 0 || y >= height || x >= width {
        return -1;
    }
    return origin.z + (y >> params.upsample) * i32(params.in_width) + (x >> params.upsample);
}

fn store(row: u32, quad: u32, sum: vec4<f32>) {
    if row >= params.rows || quad >= params.out_quads {
        return;
    }
    var value = sum + bias[quad];
    if params.has_embedding != 0u {
        let sample = row / (params.out_height * params.out_width);
        value += embedding[sample * params.embedding_stride + params.embedding_quad + quad];
    }
    if params.has_residual != 0u {
        value += residual[row * params.out_quads + quad];
    }
    out[row * params.out_quads + quad] = value;
}
