// Sizes of a convolution. Kernels that read one source at a time take it for `a`, and the other, if there is one, for `b`.

struct Conv2d {
    // Output pixels of all samples.
    rows: u32,
    out_height: u32,
    out_width: u32,
    // Output channels / 4.
    out_quads: u32,
    // The stored input.
    in_height: u32,
    in_width: u32,
    // Channels of the sources / 4; without a second one, b_quads is 0.
    a_quads: u32,
    b_quads: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    // 1 if the input is read upsampled by 2; 2 if zeros are read between its pixels.
    upsample: u32,
    // vec4s of an embedding row, and the first of this layer in it.
    embedding_stride: u32,
    embedding_quad: u32,
    has_embedding: u32,
    has_residual: u32,
    has_bias: u32,
    // 1 to add to `out`.
    accumulate: u32,
    // Partial sums; 0 where the sum is not split.
    splits: u32,
    // By what the input is multiplied before it is rounded to f16, on matrix units.
    scale: f32,
    // Where one source is read at a time: vec4s of the sources before it.
    k_offset: u32,
    // How a processor has them; no kernel here reads it.
    weights_layout: u32,
    pad1: u32,
    pad2: u32,
}
