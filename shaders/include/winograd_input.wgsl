// The first step of a convolution by Winograd's algorithm F(4 × 4, 3 × 3) (Lavin, Gray 2015, arXiv 1509.09308): 4 × 4 output
// pixels of a channel from 36 products a pair of channels, where the direct way takes 144. For each tile of 4 × 4 pixels,
//
//     out = Aᵀ [Σ_ci (G w Gᵀ) ⊙ (Bᵀ d B)] A
//
// d: the 6 × 6 input pixels that the tile depends on; w: 3 × 3 weights. Here V = Bᵀ d B; winograd_weights.wgsl has G w Gᵀ,
// winograd_product.wgsl the sum over ci, which for each of the 36 *planes* is a matrix product, and winograd_output.wgsl
// the rest. The interpolation points are 0, ±3/4, ±3/2 and ∞: in f32 the result is half as far from the exact one as with
// the usual 0, ±1, ±2, ∞, and not twice as far as the direct way's. A and B are exact in f32.
//
// x       [samples, in_height, in_width, a_quads] vec4: one source; a concatenation takes two dispatches
// planes  [36, tiles, k_quads] vec4 of both sources' channels, this one's from k_offset on; written (=)
// One invocation a tile and quad of channels.

@compute @workgroup_size(64)
fn winograd_input(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let counts = tile_counts();
    let tile = item / params.a_quads;
    let quad = item % params.a_quads;
    if tile >= counts.z {
        return;
    }
    let place = tile_place(tile, counts);
    let first = vec2<i32>(place.yz) - 1;
    let c0 = column(place.x, first, quad);
    let c1 = column(place.x, first + vec2<i32>(0, 1), quad);
    let c2 = column(place.x, first + vec2<i32>(0, 2), quad);
    let c3 = column(place.x, first + vec2<i32>(0, 3), quad);
    let c4 = column(place.x, first + vec2<i32>(0, 4), quad);
    let c5 = column(place.x, first + vec2<i32>(0, 5), quad);
    let k_quads = params.a_quads + params.b_quads;
    let to = tile * k_quads + params.k_offset + quad;
    let step = counts.z * k_quads;
    store_line(to, step, transformed(c0.v0, c1.v0, c2.v0, c3.v0, c4.v0, c5.v0));
    store_line(to + 6u * step, step, transformed(c0.v1, c1.v1, c2.v1, c3.v1, c4.v1, c5.v1));
    store_line(to + 12u * step, step, transformed(c0.v2, c1.v2, c2.v2, c3.v2, c4.v2, c5.v2));
    store_line(to + 18u * step, step, transformed(c0.v3, c1.v3, c2.v3, c3.v3, c4.v3, c5.v3));
    store_line(to + 24u * step, step, transformed(c0.v4, c1.v4, c2.v4, c3.v4, c4.v4, c5.v4));
    store_line(to + 30u * step, step, transformed(c0.v5, c1.v5, c2.v5, c3.v5, c4.v5, c5.v5));
}

// Bᵀ times a line of six.
fn transformed(d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>, d4: vec4<f32>, d5: vec4<f32>) -> Six {
    let even_near = d4 - 2.25 * d2;
    let odd_near = 0.75 * (d3 - 2.25 * d1);
    let even_far = d4 - 0.5625 * d2;
    let odd_far = 1.5 * (d3 - 0.5625 * d1);
    return Six(
        1.265625 * d0 - 2.8125 * d2 + d4,
        even_near + odd_near,
        even_near - odd_near,
        even_far + odd_far,
        even_far - odd_far,
        1.265625 * d1 - 2.8125 * d3 + d5,
    );
}

// Bᵀ times the column of six pixels that begins at `at`.
fn column(sample: u32, at: vec2<i32>, quad: u32) -> Six {
    return transformed(
        pixel(sample, at, quad),
        pixel(sample, at + vec2<i32>(1, 0), quad),
        pixel(sample, at + vec2<i32>(2, 0), quad),
        pixel(sample, at + vec2<i32>(3, 0), quad),
        pixel(sample, at + vec2<i32>(4, 0), quad),
        pixel(sample, at + vec2<i32>(5, 0), quad),
    );
}

// The pixel (y, x) of the input, or 0 outside of the picture.
fn pixel(sample: u32, at: vec2<i32>, quad: u32) -> vec4<f32> {
    let inside = all(at >= vec2<i32>()) && at.x < i32(params.out_height) && at.y < i32(params.out_width);
    let stored = select(vec2<u32>(), vec2<u32>(at), inside) >> vec2<u32>(params.upsample);
    let ix = ((sample * params.in_height + stored.x) * params.in_width + stored.y) * params.a_quads + quad;
    return select(vec4<f32>(), x_at(ix), inside);
}

//#import winograd
//#import winograd_planes
