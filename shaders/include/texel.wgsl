// Texel i of a texture that stands in for an array: 1024 texels a row.
fn texel(source: texture_2d<f32>, ix: u32) -> vec4<f32> {
    return textureLoad(source, vec2<u32>(ix & 1023u, ix >> 10u), 0);
}
