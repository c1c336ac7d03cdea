//! A device and what belongs to it: limits, the kernel cache, counts of what was made, faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::adapter::AdapterSummary;
#[cfg(feature = "gpu")]
use super::adapters::WgpuDevice;
#[cfg(feature = "tuning")]
use super::choice::{Abilities, Methods};
#[cfg(not(feature = "tuning"))]
use super::methods::rule;
use super::methods::{ConvShape, Method};
#[cfg(feature = "processor")]
use super::processor::Processor;
use crate::error::{Error, Result};

/// How convolutions and matrix products are tiled on this adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tile {
    /// One output an invocation: the reference for the others.
    #[cfg(feature = "tuning")]
    Naive,
    /// Tiles of `size` × `size` (32 or 64) in workgroup memory, 4 × 4 a thread: for GPUs.
    Workgroup {
        /// Side of the tile.
        size: u32,
    },
    /// The processor's own way: its kernels for convolutions choose it.
    #[cfg(feature = "processor")]
    Processor,
    /// 4 pixels × 16 channels in each thread's registers, operands read as texels: for CPU adapters, where a
    /// storage-buffer load is a loop over the lanes of a vector and a texel fetch is not.
    Registers,
    /// Mixed precision: convolutions' operands are rounded to f16, and multiplied by the adapter's matrix units with sums in f32.
    /// What they are not for is tiled as by [`Tile::Workgroup`].
    #[cfg(feature = "tuning")]
    Matrices {
        /// Side of the matrices: 8 or 16.
        side: u32,
        /// The most invocations that a subgroup has there.
        subgroup: u32,
    },
}

/// What was made since the context began; none of it may change inside the sampling loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Buffers and textures.
    pub allocations: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Pipelines.
    pub pipelines: u64,
    /// Bind groups.
    pub bind_groups: u64,
    /// Readbacks that were waited for.
    pub readbacks: u64,
    /// Compute passes encoded.
    pub passes: u64,
    /// Dispatches encoded.
    pub dispatches: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) allocations: AtomicU64,
    pub(super) allocated_bytes: AtomicU64,
    pub(super) pipelines: AtomicU64,
    pub(super) bind_groups: AtomicU64,
    pub(super) readbacks: AtomicU64,
    pub(super) passes: AtomicU64,
    pub(super) dispatches: AtomicU64,
}

/// A device, its queue and its kernels. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct GpuContext {
    pub(super) inner: Arc<Inner>,
}

/// What executes plans.
#[derive(Clone)]
pub(super) enum Device {
    /// An adapter that wgpu reaches.
    #[cfg(feature = "gpu")]
    Wgpu(WgpuDevice),
    /// This computer's processor.
    #[cfg(feature = "processor")]
    Processor(Arc<Processor>),
}

pub(super) struct Inner {
    pub(super) device: Device,
    summary: AdapterSummary,
    tile: Tile,
    #[cfg(feature = "tuning")]
    methods: Methods,
    pub(super) counters: Counters,
}

impl GpuContext {
    #[cfg_attr(
        all(feature = "gpu", target_arch = "wasm32"),
        expect(clippy::arc_with_non_send_sync, reason = "a browser's device stays on its thread")
    )]
    pub(super) fn of(device: Device, summary: AdapterSummary, tile: Tile) -> Self {
        let inner = Inner {
            device,
            summary,
            tile,
            #[cfg(feature = "tuning")]
            methods: Methods::default(),
            counters: Counters::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same device with another tiling; kernels and counts start anew.
    #[must_use]
    pub fn with_tile(&self, tile: Tile) -> Self {
        let device = match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => Device::Wgpu(wgpu.anew()),
            #[cfg(feature = "processor")]
            Device::Processor(processor) => Device::Processor(processor.clone()),
        };
        Self::of(device, self.inner.summary.clone(), tile)
    }

    /// The most bytes that one buffer may have.
    pub fn largest_buffer(&self) -> u64 {
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => wgpu.largest_buffer(),
            // Kernels count vectors of four in 32 bits.
            #[cfg(feature = "processor")]
            Device::Processor(_) => 16 << 32,
        }
    }

    /// Name, backend, limits.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.inner.summary
    }

    /// How convolutions are tiled here.
    pub fn tile(&self) -> Tile {
        self.inner.tile
    }

    /// The same device and kernels with another choice of methods for convolutions; counts start anew.
    #[must_use]
    #[cfg(feature = "tuning")]
    pub fn with_methods(&self, methods: Methods) -> Self {
        let inner = &self.inner;
        let Self { inner: mut made } = Self::of(inner.device.clone(), inner.summary.clone(), inner.tile);
        Arc::get_mut(&mut made).expect("just made").methods = methods;
        Self { inner: made }
    }

    /// What methods for convolutions may make use of here, whatever the network.
    #[cfg(feature = "tuning")]
    pub fn abilities(&self) -> Abilities {
        Abilities { tile: self.inner.tile, half_weights: self.inner.summary.unpacks_f16 }
    }

    /// How a convolution of `shape` is computed here.
    #[cfg(feature = "tuning")]
    pub fn method(&self, shape: &ConvShape) -> Method {
        self.inner.methods.of(shape, self.abilities())
    }

    /// How a convolution of `shape` is computed here.
    #[cfg(not(feature = "tuning"))]
    pub fn method(&self, shape: &ConvShape) -> Method {
        Method::new(rule(shape, self.inner.tile), self.inner.tile)
    }

    /// How methods for convolutions are chosen here.
    #[cfg(feature = "tuning")]
    pub fn methods(&self) -> &Methods {
        &self.inner.methods
    }

    /// What was made so far.
    pub fn counts(&self) -> Counts {
        let c = &self.inner.counters;
        Counts {
            allocations: c.allocations.load(Relaxed),
            allocated_bytes: c.allocated_bytes.load(Relaxed),
            pipelines: c.pipelines.load(Relaxed),
            bind_groups: c.bind_groups.load(Relaxed),
            readbacks: c.readbacks.load(Relaxed),
            passes: c.passes.load(Relaxed),
            dispatches: c.dispatches.load(Relaxed),
        }
    }

    /// The first asynchronous error (a lost device, exhausted memory), once.
    pub fn take_fault(&self) -> Option<Error> {
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => wgpu.take_fault(),
            #[cfg(feature = "processor")]
            Device::Processor(_) => None,
        }
    }

    /// Fails with the first asynchronous error, if there was one.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<()> {
        self.take_fault().map_or(Ok(()), Err)
    }

    /// Waits until all submitted work is done (native; a browser's queue runs by itself).
    pub fn wait(&self) {
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => wgpu.wait(None),
            #[cfg(feature = "processor")]
            Device::Processor(_) => {}
        }
    }
}
