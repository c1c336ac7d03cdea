// A split of a convolution's sum, for the bindings and the block `params` of conv2d.wgsl: its channels, and where its sums go.

// A split's first quad of channels, of both sources: whole steps of 4, shared out as evenly as can be.
fn first_k(split: u32) -> u32 {
    let k_quads = params.a_quads + params.b_quads;
    return min(split * ((k_quads + 3u) / 4u) / params.splits * 4u, k_quads);
}

fn store_split(split: u32, row: u32, quad: u32, sum: vec4<f32>) {
    if row < params.rows && quad < params.out_quads {
        out[(split * params.rows + row) * params.out_quads + quad] = sum;
    }
}
