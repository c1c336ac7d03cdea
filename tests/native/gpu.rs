//! The devices under test: an adapter for the shaders and this computer's processor, one each for the whole process.
//!
//! `DDPM_ADAPTER` is a part of the adapter's name; without it the system chooses. No adapter is a failure, and `cpu` is none: it has
//! no shaders. `DDPM_SIMD` forces the processor's vector unit.

use std::sync::OnceLock;

use ddpm::gpu::{Algorithm, GpuContext, Level, Methods, Processor, Tile};

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
        let gpu = match wanted.as_deref() {
            Some(name) => block_on(GpuContext::request(Some(name))),
            None => block_on(GpuContext::request_default()),
        };
        let gpu = gpu.expect("an adapter, if only a software one");
        assert!(gpu.processor().is_none(), "the shaders are under test, and {} has none", gpu.adapter().name);
        announce(&gpu);
        gpu
    })
}

/// The processor, with two threads.
pub fn cpu() -> &'static GpuContext {
    static CPU: OnceLock<GpuContext> = OnceLock::new();
    CPU.get_or_init(|| {
        let processor =
            Processor::from_environment(Some(2)).expect("threads, and the vector unit that was asked for");
        let cpu = GpuContext::from_processor(processor);
        announce(&cpu);
        let lacking: Vec<&str> =
            Level::NAMES.into_iter().filter(|name| Level::named(name).is_err()).collect();
        say(&format!("vector units that this processor lacks: {}\n", lacking.join(", ")));
        cpu
    })
}

/// The processor with so many threads, apart from all others.
pub fn processor(threads: usize) -> GpuContext {
    GpuContext::from_processor(Processor::from_environment(Some(threads)).expect("threads"))
}

/// The processor with each vector unit that it has, the widest last.
pub fn levels() -> impl Iterator<Item = (Level, GpuContext)> {
    Level::all().into_iter().map(|level| {
        let processor = Processor::new(Some(2), Some(level.name())).expect("a vector unit that is there");
        (level, GpuContext::from_processor(processor))
    })
}

/// `usually`, or `soak` under `DDPM_SOAK=1`: how often is repeated what only many repetitions are certain to find.
pub fn repetitions(usually: u32, soak: u32) -> u32 {
    if std::env::var("DDPM_SOAK").is_ok_and(|value| value == "1") { soak } else { usually }
}

/// A device's name, for what is said of a comparison.
pub fn name(gpu: &GpuContext) -> &str {
    &gpu.adapter().name
}

/// The adapter for the shaders, and the processor.
pub fn devices() -> [&'static GpuContext; 2] {
    [gpu(), cpu()]
}

fn announce(gpu: &GpuContext) {
    let adapter = gpu.adapter();
    say(&format!("adapter: {} ({}, {}), {:?}\n", adapter.name, adapter.backend, adapter.driver, gpu.tile()));
}

/// Past the test harness, which keeps the output of tests that pass to itself.
fn say(line: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

/// Every tiling, convolutions computed directly; kernels are compiled once. Among them the processor, which has its own way.
pub fn tilings() -> impl Iterator<Item = (Tiling, &'static GpuContext)> {
    methods().filter(|(tiling, _)| tiling.algorithm == Algorithm::Direct)
}

/// Every tiling and every algorithm for convolutions.
pub fn methods() -> impl Iterator<Item = (Tiling, &'static GpuContext)> {
    static CONTEXTS: OnceLock<[GpuContext; TILINGS.len()]> = OnceLock::new();
    let contexts = CONTEXTS.get_or_init(|| {
        TILINGS.map(|tiling| gpu().with_tile(tiling.tile).with_methods(Methods::Fixed(tiling.algorithm)))
    });
    let processor = tiling(Tile::Processor, Algorithm::Direct);
    TILINGS.into_iter().zip(contexts).chain([(processor, cpu())])
}
