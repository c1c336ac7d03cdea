// Batched matrix product, one matrix a (sample, head); a and b in storage buffers. Equations, layouts and the kernels'
// shape are in include/matmul_tile.wgsl.

@group(0) @binding(0) var<uniform> params: Matmul;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<f32>>;

fn a_at(ix: u32) -> vec4<f32> {
    return a[ix];
}

fn b_at(ix: u32) -> vec4<f32> {
    return b[ix];
}

//#import matmul_tile
