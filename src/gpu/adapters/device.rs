//! wgpu's device with its queue, its kernels and its faults.

use std::sync::{Arc, Mutex};

use super::pipeline::CompiledKernel;
use crate::error::{Error, ErrorKind};
use crate::gpu::context::Device;
use crate::gpu::{AdapterSummary, GpuContext, KernelKey, Tile};

/// What reading the GPU's own clock between commands takes.
#[cfg(any(feature = "tuning", not(target_arch = "wasm32")))]
pub(super) const CLOCK: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS);

/// The kernels that were compiled.
pub(super) type Kernels = Mutex<Vec<(KernelKey, Arc<CompiledKernel>)>>;

/// A device that wgpu reaches. Clones share everything.
#[derive(Clone)]
pub(in crate::gpu) struct WgpuDevice {
    pub(in crate::gpu) device: wgpu::Device,
    pub(in crate::gpu) queue: wgpu::Queue,
    pub(super) kernels: Arc<Kernels>,
    fault: Arc<Mutex<Option<Error>>>,
}

impl WgpuDevice {
    /// The same device without its kernels.
    pub(in crate::gpu) fn anew(&self) -> Self {
        Self { kernels: Arc::default(), ..self.clone() }
    }

    /// The first asynchronous error, once.
    pub(in crate::gpu) fn take_fault(&self) -> Option<Error> {
        self.fault.lock().ok()?.take()
    }

    /// The most bytes that one buffer may have.
    pub(in crate::gpu) fn largest_buffer(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    /// Waits until all submitted work is done, or that before `submission`.
    pub(in crate::gpu) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) {
        // A lost device ends the wait early and is reported by `check`.
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None });
    }
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
        let tile = if summary.cpu { Tile::Registers } else { Tile::Workgroup { size: 32 } };
        Self::of(Device::Wgpu(WgpuDevice { device, queue, kernels: Arc::default(), fault }), summary, tile)
    }

    /// wgpu's device, if it is one of those.
    pub(in crate::gpu) fn wgpu(&self) -> Option<&WgpuDevice> {
        match &self.inner.device {
            Device::Wgpu(wgpu) => Some(wgpu),
            #[cfg(feature = "processor")]
            Device::Processor(_) => None,
        }
    }

    /// The wgpu device.
    ///
    /// # Panics
    /// If the device is the processor.
    pub fn device(&self) -> &wgpu::Device {
        &self.wgpu().expect("a device of wgpu's").device
    }

    /// The wgpu queue.
    ///
    /// # Panics
    /// If the device is the processor.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.wgpu().expect("a queue of wgpu's").queue
    }
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
