//! What there is to compute on.

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
use super::adapters::Offers;

/// One adapter, or the processor, for people.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// The driver's name for it; browsers may hide it.
    pub name: String,
    /// Whether it computes on the CPU.
    pub cpu: bool,
    /// Vulkan, Metal, DX12 or the processor.
    #[cfg(not(target_arch = "wasm32"))]
    pub backend: String,
    /// Driver and version.
    #[cfg(not(target_arch = "wasm32"))]
    pub driver: String,
    /// Whether shaders can take f16 out of words: WebGPU asks for it, but Mesa's software adapter cannot where it has no f16.
    #[cfg(not(target_arch = "wasm32"))]
    pub unpacks_f16: bool,
    /// What an adapter offers; a processor nothing of that kind.
    #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
    pub offers: Option<Box<Offers>>,
}
