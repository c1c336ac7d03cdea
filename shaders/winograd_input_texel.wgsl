// A convolution's input for Winograd's algorithm on adapters that compute on the CPU: as winograd_input.wgsl, but x is read as
// texels (conv2d_texel.wgsl says why).

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> planes: array<vec4<f32>>;

fn x_at(ix: u32) -> vec4<f32> {
    return texel(x, ix);
}

//#import texel
//#import winograd_input
