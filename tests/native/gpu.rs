//! The adapter under test: one device for the whole process.
//!
//! `DDPM_ADAPTER` is a part of the adapter's name; without it the system chooses. No adapter is a failure.

use std::sync::OnceLock;

use ddpm::gpu::{GpuContext, Tile};

pub use pollster::block_on;

/// Every way to tile convolutions and matrix products.
const TILES: [Tile; 4] =
    [Tile::Naive, Tile::Workgroup { size: 32 }, Tile::Workgroup { size: 64 }, Tile::Registers];

/// The device, with the tiling that this adapter gets by default.
pub fn gpu() -> &'static GpuContext {
    static GPU: OnceLock<GpuContext> = OnceLock::new();
    GPU.get_or_init(|| {
        let wanted = std::env::var("DDPM_ADAPTER").ok();
        let gpu =
            block_on(GpuContext::request(wanted.as_deref())).expect("an adapter, if only a software one");
        let adapter = gpu.adapter();
        // Past the test harness, which keeps the output of tests that pass to itself.
        let line = format!(
            "adapter: {} ({}, {}), {:?}\n",
            adapter.name,
            adapter.backend,
            adapter.driver,
            gpu.tile()
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        gpu
    })
}

/// The same device for every tiling; kernels are compiled once.
pub fn tilings() -> impl Iterator<Item = (Tile, &'static GpuContext)> {
    static TILINGS: OnceLock<[GpuContext; TILES.len()]> = OnceLock::new();
    let contexts = TILINGS.get_or_init(|| TILES.map(|tile| gpu().with_tile(tile)));
    TILES.into_iter().zip(contexts)
}
