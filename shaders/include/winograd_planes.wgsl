// The 6 × 6 planes that the first steps of Winograd's algorithm write to the buffer `planes` (winograd_input.wgsl).

struct Six {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
    v4: vec4<f32>,
    v5: vec4<f32>,
}

// Stores an element of six planes, which lie `step` apart.
fn store_line(to: u32, step: u32, line: Six) {
    planes[to] = line.v0;
    planes[to + step] = line.v1;
    planes[to + 2u * step] = line.v2;
    planes[to + 3u * step] = line.v3;
    planes[to + 4u * step] = line.v4;
    planes[to + 5u * step] = line.v5;
}

//#import conv2d
//#import grid
