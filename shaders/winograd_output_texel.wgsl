// A convolution's output by Winograd's algorithm on adapters that compute on the CPU: as winograd_output.wgsl, but the planes are
// read as texels (conv2d_texel.wgsl says why).

@group(0) @binding(0) var<uniform> params: Conv2d;
@group(0) @binding(1) var planes: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> embedding: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;

fn plane_at(ix: u32) -> vec4<f32> {
    return texel(planes, ix);
}

//#import texel
//#import winograd_output
