//! The adapter under test: one device for the whole process.
//!
//! `DDPM_ADAPTER` is a part of the adapter's name; without it the system chooses. No adapter is a failure.

use std::sync::OnceLock;

use ddpm::gpu::{Algorithm, GpuContext, Methods, Tile};

pub use pollster::block_on;

/// A way to compute convolutions and matrix products.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    pub tile: Tile,
    /// Of the convolutions that it is for; the others are computed directly.
    pub algorithm: Algorithm,
}

const fn tiling(tile: Tile, algorithm: Algorithm) -> Tiling {
    Tiling { tile, algorithm }
}

/// Every way: first the tilings, then another algorithm for convolutions.
const TILINGS: [Tiling; 6] = [
    tiling(Tile::Naive, Algorithm::Direct),
    tiling(Tile::Workgroup { size: 32 }, Algorithm::Direct),
    tiling(Tile::Workgroup { size: 64 }, Algorithm::Direct),
    tiling(Tile::Registers, Algorithm::Direct),
    tiling(Tile::Workgroup { size: 32 }, Algorithm::Winograd),
    tiling(Tile::Registers, Algorithm::Winograd),
];

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

/// The same device for every tiling, convolutions computed directly; kernels are compiled once.
pub fn tilings() -> impl Iterator<Item = (Tiling, &'static GpuContext)> {
    methods().filter(|(tiling, _)| tiling.algorithm == Algorithm::Direct)
}

/// The same device for every tiling and every algorithm for convolutions.
pub fn methods() -> impl Iterator<Item = (Tiling, &'static GpuContext)> {
    static CONTEXTS: OnceLock<[GpuContext; TILINGS.len()]> = OnceLock::new();
    let contexts = CONTEXTS.get_or_init(|| {
        TILINGS.map(|tiling| gpu().with_tile(tiling.tile).with_methods(Methods::Fixed(tiling.algorithm)))
    });
    TILINGS.into_iter().zip(contexts)
}
