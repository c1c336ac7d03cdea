// What a tap reads of a convolution's two sources in buffers `a` and `b`: vec4 `quad` of both side by side, or 0 outside of the
// picture and past the last.

fn load_x(origin: vec3<i32>, ky: i32, kx: i32, quad: u32) -> vec4<f32> {
    let pixel = source_pixel(origin, ky, kx);
    if pixel < 0 || quad >= params.a_quads + params.b_quads {
        return vec4<f32>(0.0);
    }
    if quad < params.a_quads {
        return a[u32(pixel) * params.a_quads + quad];
    }
    return b[u32(pixel) * params.b_quads + quad - params.a_quads];
}

//#import conv2d_rows
