//! A processor among adapters.

use std::sync::Arc;

use super::{NAME, Processor};
use crate::gpu::context::Device;
use crate::gpu::{AdapterSummary, GpuContext, Tile};

impl AdapterSummary {
    pub(in crate::gpu) fn of_processor(processor: &Processor) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let (level, threads) = (processor.level().name(), processor.team().threads());
        #[cfg(target_arch = "wasm32")]
        let _ = processor;
        Self {
            name: NAME.to_owned(),
            cpu: true,
            #[cfg(not(target_arch = "wasm32"))]
            backend: "processor".to_owned(),
            #[cfg(not(target_arch = "wasm32"))]
            driver: format!("{level}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            #[cfg(not(target_arch = "wasm32"))]
            unpacks_f16: false,
            #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
            offers: None,
        }
    }
}

impl GpuContext {
    /// Around a processor.
    pub fn from_processor(processor: Processor) -> Self {
        let summary = AdapterSummary::of_processor(&processor);
        Self::of(Device::Processor(Arc::new(processor)), summary, Tile::Processor)
    }

    /// The processor, if that is the device.
    pub fn processor(&self) -> Option<&Processor> {
        match &self.inner.device {
            Device::Processor(processor) => Some(processor),
            #[cfg(feature = "gpu")]
            Device::Wgpu(_) => None,
        }
    }
}
