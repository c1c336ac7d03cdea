// Sizes of a 3 × 3 convolution by Winograd's algorithm, and where its pieces lie. winograd_input.wgsl says what is computed.

struct Winograd {
    // Output pixels of all samples.
    rows: u32,
    out_height: u32,
    out_width: u32,
    // Output channels / 4.
    out_quads: u32,
    // The stored input.
    in_height: u32,
    in_width: u32,
    // Both are 1; conv2d_rows.wgsl reads them.
    stride: u32,
    padding: u32,
    // 1 if the input is read upsampled by 2.
    upsample: u32,
    // As in conv2d.wgsl.
    embedding_stride: u32,
    embedding_quad: u32,
    has_embedding: u32,
    has_residual: u32,
    has_bias: u32,
    accumulate: u32,
    // Tiles of 4 × 4 output pixels down a sample, across it, and in all samples.
    tiles_down: u32,
    tiles_across: u32,
    tiles: u32,
    // This source's channels / 4, all sources', and those of the sources before it.
    x_quads: u32,
    k_quads: u32,
    k_offset: u32,
    // vec4s of a row of the weights.
    weight_quads: u32,
    pad0: u32,
    pad1: u32,
}

const PLANES: u32 = 36u;

// Sample, and first row and column of a tile's output.
fn tile_place(tile: u32) -> vec3<u32> {
    let line = tile / params.tiles_across;
    return vec3<u32>(line / params.tiles_down, line % params.tiles_down * 4u, tile % params.tiles_across * 4u);
}
