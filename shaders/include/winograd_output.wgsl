// The last step of a convolution by Winograd's algorithm: out = Aᵀ M A (+ bias[co]) (+ embedding[n, co]) (+ residual) for each
// tile of 4 × 4 pixels, with M its 6 × 6 planes (winograd_input.wgsl).
//
// planes  [36, tiles, out_quads] vec4
// bias, embedding, residual, out   as in conv2d.wgsl
// One invocation a tile and quad of channels.

struct Four {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
}

@compute @workgroup_size(64)
fn winograd_output(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_ix: u32,
) {
    let item = grid_index(workgroup, workgroups, local_ix);
    let counts = tile_counts();
    let tile = item / params.out_quads;
    let quad = item % params.out_quads;
    if tile >= counts.z {
        return;
    }
    let step = counts.z * params.out_quads;
    let c0 = column(item, step);
    let c1 = column(item + step, step);
    let c2 = column(item + 2u * step, step);
    let c3 = column(item + 3u * step, step);
    let c4 = column(item + 4u * step, step);
    let c5 = column(item + 5u * step, step);
    let place = tile_place(tile, counts);
    store_line(place, quad, transformed(c0.v0, c1.v0, c2.v0, c3.v0, c4.v0, c5.v0));
    store_line(place + vec3<u32>(0u, 1u, 0u), quad, transformed(c0.v1, c1.v1, c2.v1, c3.v1, c4.v1, c5.v1));
    store_line(place + vec3<u32>(0u, 2u, 0u), quad, transformed(c0.v2, c1.v2, c2.v2, c3.v2, c4.v2, c5.v2));
    store_line(place + vec3<u32>(0u, 3u, 0u), quad, transformed(c0.v3, c1.v3, c2.v3, c3.v3, c4.v3, c5.v3));
}

// Aᵀ times a line of six.
fn transformed(m0: vec4<f32>, m1: vec4<f32>, m2: vec4<f32>, m3: vec4<f32>, m4: vec4<f32>, m5: vec4<f32>) -> Four {
    let even_near = m1 + m2;
    let odd_near = m1 - m2;
    let even_far = m3 + m4;
    let odd_far = m3 - m4;
    return Four(
        m0 + even_near + even_far,
        0.75 * odd_near + 1.5 * odd_far,
        0.5625 * even_near + 2.25 * even_far,
        0.421875 * odd_near + 3.375 * odd_far + m5,
    );
}

// Aᵀ times the column of six planes that begins at `ix`; planes lie `step` apart.
fn column(ix: u32, step: u32) -> Four {
    return transformed(
        plane_at(ix),
        plane_at(ix + 6u * step),
        plane_at(ix + 12u * step),
        plane_at(ix + 18u * step),
        plane_at(ix + 24u * step),
        plane_at(ix + 30u * step),
    );
}

// Stores the pixels of a line that lie in the picture.
fn store_line(place: vec3<u32>, quad: u32, line: Four) {
    if place.y >= params.out_height {
        return;
    }
    let row = (place.x * params.out_height + place.y) * params.out_width + place.z;
    let left = params.out_width - place.z;
    store(row, quad, line.v0);
    if left > 1u {
        store(row + 1u, quad, line.v1);
    }
    if left > 2u {
        store(row + 2u, quad, line.v2);
    }
    if left > 3u {
        store(row + 3u, quad, line.v3);
    }
}

//#import conv2d_rows
//#import grid
//#import winograd
