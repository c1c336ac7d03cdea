// A convolution's input for Winograd's algorithm, read from a buffer; the include says all.

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> planes: array<vec4<f32>>;

fn x_at(ix: u32) -> vec4<f32> {
    return x[ix];
}

//#import winograd_input
