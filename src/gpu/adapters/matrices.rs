//! Matrix units: what mixed precision asks of an adapter.

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::Tile;

/// What the kernels for matrix units need.
pub(super) const FEATURES: wgpu::Features = wgpu::Features::SHADER_F16
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// The subgroups that the kernels are made for: four of the largest are a workgroup.
const SUBGROUPS: [u32; 4] = [8, 16, 32, 64];

/// The tiling on `adapter`'s matrix units: the largest square matrices of f16 with sums in f32.
///
/// # Errors
/// If it has none, or lacks what else the kernels need.
pub(super) fn tile(adapter: &wgpu::Adapter) -> Result<Tile> {
    let info = adapter.get_info();
    let refused = |found: String| {
        let text = format!(
            "{}: mixed precision: expected f16, subgroups of {SUBGROUPS:?} and cooperative matrices of 8 x 8 or 16 x 16 of f16 \
             with sums in f32, found {found}",
            info.name
        );
        Err(Error::new(ErrorKind::Limits, text))
    };
    let missing = FEATURES - adapter.features();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
        return refused(format!("no {}", names.join(", no ")));
    }
    let subgroup = info.subgroup_max_size;
    if !SUBGROUPS.contains(&subgroup) {
        return refused(format!("subgroups of {subgroup}"));
    }
    let offered = adapter.cooperative_matrix_properties();
    let fits = |side: &u32| {
        offered.iter().any(|matrix| {
            [matrix.m_size, matrix.n_size, matrix.k_size] == [*side; 3]
                && matrix.ab_type == wgpu::CooperativeScalarType::F16
                && matrix.cr_type == wgpu::CooperativeScalarType::F32
        })
    };
    match [16, 8].into_iter().find(fits) {
        Some(side) => Ok(Tile::Matrices { side, subgroup }),
        None => refused("other matrices".to_owned()),
    }
}
