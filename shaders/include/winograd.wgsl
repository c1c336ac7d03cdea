// The tiles of 4 × 4 output pixels of Winograd's algorithm (winograd_input.wgsl), for the uniform block `params: Conv2d`.

// Tiles down a sample, across it, and in all samples.
fn tile_counts() -> vec3<u32> {
    let down = (params.out_height + 3u) / 4u;
    let across = (params.out_width + 3u) / 4u;
    return vec3<u32>(down, across, params.rows / (params.out_height * params.out_width) * down * across);
}

// Sample, and first row and column of a tile's output.
fn tile_place(tile: u32, counts: vec3<u32>) -> vec3<u32> {
    let line = tile / counts.y;
    return vec3<u32>(line / counts.x, line % counts.x * 4u, tile % counts.y * 4u);
}
