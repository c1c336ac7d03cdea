// Batched matrix product for adapters that compute on the CPU: as matmul.wgsl, but a and b are read as texels
// (conv2d_texel.wgsl says why).

@group(0) @binding(0) var<uniform> params: Matmul;
@group(0) @binding(1) var a: texture_2d<f32>;
@group(0) @binding(2) var b: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<f32>>;

fn a_at(ix: u32) -> vec4<f32> {
    return texel(a, ix);
}

fn b_at(ix: u32) -> vec4<f32> {
    return texel(b, ix);
}

//#import matmul_tile
//#import texel
