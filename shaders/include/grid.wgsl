// The linear index of an invocation in a grid of workgroups of 64 that may be folded into rows.
fn grid_index(workgroup: vec3<u32>, workgroups: vec3<u32>, local_ix: u32) -> u32 {
    return (workgroup.y * workgroups.x + workgroup.x) * 64u + local_ix;
}
