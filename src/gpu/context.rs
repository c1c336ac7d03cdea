//! A device and what belongs to it: limits, the kernel cache, counts of what was made, faults.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::adapter::AdapterSummary;
#[cfg(not(target_arch = "wasm32"))]
use super::choice::{Abilities, Methods};
use super::kernel::KernelKey;
#[cfg(target_arch = "wasm32")]
use super::methods::rule;
use super::methods::{ConvShape, Method};
use super::pipeline::CompiledKernel;
#[cfg(feature = "processor")]
use super::processor::Processor;
use crate::error::{Error, ErrorKind, Result};

/// How convolutions and matrix products are tiled on this adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tile {
    /// One output an invocation: the reference for the others. A page has no use for it.
    #[cfg(not(target_arch = "wasm32"))]
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
    #[cfg(not(target_arch = "wasm32"))]
    Matrices {
        /// Side of the matrices: 8 or 16.
        side: u32,
        /// The most invocations that a subgroup has there.
        subgroup: u32,
    },
}

/// What reading the GPU's own clock between commands takes.
pub(super) const CLOCK: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS);

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

/// The kernels that were compiled.
pub(super) type Kernels = Mutex<Vec<(KernelKey, Arc<CompiledKernel>)>>;

/// What executes plans.
#[derive(Clone)]
pub(super) enum Device {
    /// An adapter that wgpu reaches.
    Wgpu { device: wgpu::Device, queue: wgpu::Queue, kernels: Arc<Kernels>, fault: Arc<Mutex<Option<Error>>> },
    /// This computer's processor.
    #[cfg(feature = "processor")]
    Processor(Arc<Processor>),
}

pub(super) struct Inner {
    pub(super) device: Device,
    summary: AdapterSummary,
    tile: Tile,
    #[cfg(not(target_arch = "wasm32"))]
    methods: Methods,
    pub(super) counters: Counters,
}

impl GpuContext {
    /// Around a device that the caller made.
    pub fn from_device(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self::with_summary(device, queue, AdapterSummary::of(adapter))
    }

    pub(super) fn with_summary(device: wgpu::Device, queue: wgpu::Queue, summary: AdapterSummary) -> Self {
        let fault = Arc::new(Mutex::new(None));
        let seen = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error| record_fault(&seen, uncaptured(&error))));
        let seen = fault.clone();
        device.set_device_lost_callback(move |reason, message| {
            // Natively a device that is dropped is lost without a word. In a page others can destroy it.
            if cfg!(target_arch = "wasm32")
                || reason != wgpu::DeviceLostReason::Destroyed
                || !message.is_empty()
            {
                record_fault(
                    &seen,
                    Error::new(ErrorKind::DeviceLost, format!("the GPU was lost: {message}")),
                );
            }
        });
        let tile = default_tile(&summary);
        Self::of(Device::Wgpu { device, queue, kernels: Arc::default(), fault }, summary, tile)
    }

    /// Around a processor.
    #[cfg(feature = "processor")]
    pub fn from_processor(processor: Processor) -> Self {
        let summary = AdapterSummary::of_processor(&processor);
        Self::of(Device::Processor(Arc::new(processor)), summary, Tile::Processor)
    }

    #[cfg_attr(
        target_arch = "wasm32",
        expect(clippy::arc_with_non_send_sync, reason = "a browser's device stays on its thread")
    )]
    fn of(device: Device, summary: AdapterSummary, tile: Tile) -> Self {
        let inner = Inner {
            device,
            summary,
            tile,
            #[cfg(not(target_arch = "wasm32"))]
            methods: Methods::default(),
            counters: Counters::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same device with another tiling; kernels and counts start anew.
    #[must_use]
    pub fn with_tile(&self, tile: Tile) -> Self {
        let mut device = self.inner.device.clone();
        if let Device::Wgpu { kernels, .. } = &mut device {
            *kernels = Arc::default();
        }
        Self::of(device, self.inner.summary.clone(), tile)
    }

    /// The processor, if that is the device.
    #[cfg(feature = "processor")]
    pub fn processor(&self) -> Option<&Processor> {
        match &self.inner.device {
            Device::Processor(processor) => Some(processor),
            Device::Wgpu { .. } => None,
        }
    }

    /// The pipelines, if the device is wgpu's.
    pub(super) fn kernels(&self) -> Option<&Kernels> {
        match &self.inner.device {
            Device::Wgpu { kernels, .. } => Some(kernels),
            #[cfg(feature = "processor")]
            Device::Processor(_) => None,
        }
    }

    /// The most bytes that one buffer may have.
    pub fn largest_buffer(&self) -> u64 {
        match &self.inner.device {
            Device::Wgpu { device, .. } => {
                let limits = device.limits();
                limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
            }
            // Kernels count vectors of four in 32 bits.
            #[cfg(feature = "processor")]
            Device::Processor(_) => 16 << 32,
        }
    }

    /// The wgpu device.
    ///
    /// # Panics
    /// If the device is the processor.
    pub fn device(&self) -> &wgpu::Device {
        match &self.inner.device {
            Device::Wgpu { device, .. } => device,
            #[cfg(feature = "processor")]
            Device::Processor(_) => panic!("a device of wgpu's"),
        }
    }

    /// The wgpu queue.
    ///
    /// # Panics
    /// If the device is the processor.
    pub fn queue(&self) -> &wgpu::Queue {
        match &self.inner.device {
            Device::Wgpu { queue, .. } => queue,
            #[cfg(feature = "processor")]
            Device::Processor(_) => panic!("a queue of wgpu's"),
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
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_methods(&self, methods: Methods) -> Self {
        let inner = &self.inner;
        let Self { inner: mut made } = Self::of(inner.device.clone(), inner.summary.clone(), inner.tile);
        Arc::get_mut(&mut made).expect("just made").methods = methods;
        Self { inner: made }
    }

    /// What methods for convolutions may make use of here, whatever the network.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn abilities(&self) -> Abilities {
        Abilities { tile: self.inner.tile, half_weights: self.inner.summary.unpacks_f16 }
    }

    /// How a convolution of `shape` is computed here.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn method(&self, shape: &ConvShape) -> Method {
        self.inner.methods.of(shape, self.abilities())
    }

    /// How a convolution of `shape` is computed here.
    #[cfg(target_arch = "wasm32")]
    pub fn method(&self, shape: &ConvShape) -> Method {
        Method::new(rule(shape, self.inner.tile), self.inner.tile)
    }

    /// How methods for convolutions are chosen here.
    #[cfg(not(target_arch = "wasm32"))]
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
            Device::Wgpu { fault, .. } => fault.lock().ok()?.take(),
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
        if let Device::Wgpu { device, .. } = &self.inner.device {
            // A lost device ends the wait early and is reported by `check`.
            let _ = device.poll(wgpu::PollType::wait_indefinitely());
        }
    }
}

fn default_tile(summary: &AdapterSummary) -> Tile {
    if summary.cpu { Tile::Registers } else { Tile::Workgroup { size: 32 } }
}

fn uncaptured(error: &wgpu::Error) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::new(ErrorKind::OutOfMemory, "the GPU is out of memory"),
        other => Error::new(ErrorKind::DeviceLost, format!("the GPU refused a command: {other}")),
    }
}

fn record_fault(slot: &Mutex<Option<Error>>, error: Error) {
    if let Ok(mut slot) = slot.lock() {
        slot.get_or_insert(error);
    }
}
