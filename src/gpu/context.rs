//! A device and what belongs to it: limits, the kernel cache, counts of what was made, faults.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

#[cfg(not(target_arch = "wasm32"))]
use super::choice::{Abilities, Methods};
use super::kernel::{CompiledKernel, KernelKey};
#[cfg(not(target_arch = "wasm32"))]
use super::matrices;
#[cfg(target_arch = "wasm32")]
use super::methods::rule;
use super::methods::{ConvShape, Method};
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

/// No feature beyond those that are of use where they are offered.
const NOTHING: wgpu::Features = wgpu::Features::empty();

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

/// One adapter, for people.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// The driver's name for it; browsers may hide it.
    pub name: String,
    /// Whether it computes on the CPU.
    pub cpu: bool,
    /// Vulkan, Metal, DX12 or WebGPU.
    #[cfg(not(target_arch = "wasm32"))]
    pub backend: String,
    /// Driver and version.
    #[cfg(not(target_arch = "wasm32"))]
    pub driver: String,
    /// Whether timestamps, f16 and subgroups are offered.
    #[cfg(not(target_arch = "wasm32"))]
    pub features: wgpu::Features,
    /// Whether shaders can take f16 out of words: WebGPU asks for it, but Mesa's software adapter cannot where it has no f16.
    #[cfg(not(target_arch = "wasm32"))]
    pub unpacks_f16: bool,
    /// Its limits.
    #[cfg(not(target_arch = "wasm32"))]
    pub limits: wgpu::Limits,
    /// Invocations of a subgroup, at least and at most.
    #[cfg(not(target_arch = "wasm32"))]
    pub subgroup_sizes: [u32; 2],
    /// Matrices that a subgroup multiplies in one instruction: wgpu's experimental feature.
    #[cfg(not(target_arch = "wasm32"))]
    pub cooperative_matrices: Vec<wgpu::CooperativeMatrixProperties>,
}

impl AdapterSummary {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self {
            name: info.name,
            cpu: info.device_type == wgpu::DeviceType::Cpu,
            #[cfg(not(target_arch = "wasm32"))]
            backend: format!("{:?}", info.backend),
            #[cfg(not(target_arch = "wasm32"))]
            driver: format!("{} {}", info.driver, info.driver_info).trim_ascii().to_owned(),
            #[cfg(not(target_arch = "wasm32"))]
            features: adapter.features(),
            #[cfg(not(target_arch = "wasm32"))]
            unpacks_f16: adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32),
            #[cfg(not(target_arch = "wasm32"))]
            limits: adapter.limits(),
            #[cfg(not(target_arch = "wasm32"))]
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
            #[cfg(not(target_arch = "wasm32"))]
            cooperative_matrices: adapter.cooperative_matrix_properties(),
        }
    }
}

/// A device, its queue and its kernels. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct GpuContext {
    pub(super) inner: Arc<Inner>,
}

/// The kernels that were compiled.
type Kernels = Mutex<Vec<(KernelKey, Arc<CompiledKernel>)>>;

pub(super) struct Inner {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    summary: AdapterSummary,
    tile: Tile,
    #[cfg(not(target_arch = "wasm32"))]
    methods: Methods,
    pub(super) kernels: Arc<Kernels>,
    pub(super) counters: Counters,
    fault: Arc<Mutex<Option<Error>>>,
}

impl GpuContext {
    /// Every adapter that this machine offers.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn adapters() -> Vec<AdapterSummary> {
        let instance = instance();
        instance.enumerate_adapters(wgpu::Backends::all()).await.iter().map(AdapterSummary::of).collect()
    }

    /// A device on the first adapter whose name contains `adapter_name` (any case), or on the system's choice.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses a device.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn request(adapter_name: Option<&str>) -> Result<Self> {
        Self::from_adapter(&chosen_adapter(adapter_name).await?, NOTHING).await
    }

    /// As [`Self::request`], for mixed precision: [`Tile::Matrices`].
    ///
    /// # Errors
    /// If there is no such adapter, it refuses a device, or it has no matrix units of use.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn request_mixed(adapter_name: Option<&str>) -> Result<Self> {
        let adapter = chosen_adapter(adapter_name).await?;
        let tile = matrices::tile(&adapter)?;
        Ok(Self::from_adapter(&adapter, matrices::FEATURES).await?.with_tile(tile))
    }

    /// A device on the system's choice of adapter.
    ///
    /// # Errors
    /// If there is none, or it refuses a device.
    pub async fn request_default() -> Result<Self> {
        Self::request_from(&instance()).await
    }

    /// A device on the system's choice of `instance`'s adapters.
    ///
    /// # Errors
    /// As [`Self::request_default`].
    pub async fn request_from(instance: &wgpu::Instance) -> Result<Self> {
        Self::from_adapter(&default_adapter(instance).await?, NOTHING).await
    }

    /// A device with the features `wanted`, and those that are of use where they are offered.
    async fn from_adapter(adapter: &wgpu::Adapter, wanted: wgpu::Features) -> Result<Self> {
        let mut descriptor = wgpu::DeviceDescriptor { label: Some("ddpm"), ..Default::default() };
        // Browsers have the default limits, and refuse more often than more would help.
        if cfg!(not(target_arch = "wasm32")) {
            let offered = adapter.limits();
            let limits = &mut descriptor.required_limits;
            // Only what large batches may need is asked for above the defaults.
            limits.max_buffer_size = offered.max_buffer_size.max(limits.max_buffer_size);
            limits.max_storage_buffer_binding_size =
                offered.max_storage_buffer_binding_size.max(limits.max_storage_buffer_binding_size);
            descriptor.required_limits = limits.clone().or_worse_values_from(&offered);
            descriptor.required_features = adapter.features() & CLOCK | wanted;
            if wanted.intersects(wgpu::Features::all_experimental_mask()) {
                // SAFETY: experimental features may have defects that make safe calls undefined behaviour. They are asked for by
                // `request_mixed` alone, so by nobody who did not choose them; what they serve are kernels of our own, each
                // compared with its twin on awkward shapes.
                descriptor.experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
            }
        }
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| {
            Error::new(ErrorKind::Limits, format!("{}: no device: {e}", adapter.get_info().name))
        })?;
        Ok(Self::with_summary(device, queue, AdapterSummary::of(adapter)))
    }

    /// Around a device that the caller made.
    pub fn from_device(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self::with_summary(device, queue, AdapterSummary::of(adapter))
    }

    #[cfg_attr(
        target_arch = "wasm32",
        expect(clippy::arc_with_non_send_sync, reason = "a browser's device stays on its thread")
    )]
    fn with_summary(device: wgpu::Device, queue: wgpu::Queue, summary: AdapterSummary) -> Self {
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
        let inner = Inner {
            device,
            queue,
            summary,
            tile,
            #[cfg(not(target_arch = "wasm32"))]
            methods: Methods::default(),
            kernels: Arc::default(),
            counters: Counters::default(),
            fault,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same device with another tiling; kernels and counts start anew.
    #[must_use]
    #[cfg_attr(
        target_arch = "wasm32",
        expect(clippy::arc_with_non_send_sync, reason = "a browser's device stays on its thread")
    )]
    pub fn with_tile(&self, tile: Tile) -> Self {
        let inner = Inner {
            device: self.inner.device.clone(),
            queue: self.inner.queue.clone(),
            summary: self.inner.summary.clone(),
            tile,
            #[cfg(not(target_arch = "wasm32"))]
            methods: Methods::default(),
            kernels: Arc::default(),
            counters: Counters::default(),
            fault: self.inner.fault.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
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
        let Self { mut inner } = self.with_tile(self.tile());
        let made = Arc::get_mut(&mut inner).expect("just made");
        (made.methods, made.kernels) = (methods, self.inner.kernels.clone());
        Self { inner }
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
        self.inner.fault.lock().ok()?.take()
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
        // A lost device ends the wait early and is reported by `check`.
        let _ = self.inner.device.poll(wgpu::PollType::wait_indefinitely());
    }
}

impl GpuContext {
    /// Waits until `submission` is done (native; a browser's queue runs by itself).
    pub fn wait_for(&self, submission: wgpu::SubmissionIndex) {
        // As `wait`.
        let _ = self
            .inner
            .device
            .poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None });
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle())
}

/// The first adapter whose name contains `adapter_name`, or the system's choice.
#[cfg(not(target_arch = "wasm32"))]
async fn chosen_adapter(adapter_name: Option<&str>) -> Result<wgpu::Adapter> {
    match adapter_name {
        Some(wanted) => named_adapter(&instance(), wanted).await,
        None => default_adapter(&instance()).await,
    }
}

#[cfg(not(target_arch = "wasm32"))]
async fn named_adapter(instance: &wgpu::Instance, wanted: &str) -> Result<wgpu::Adapter> {
    let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
    let matches = |name: &str| name.to_lowercase().contains(&wanted.to_lowercase());
    adapters.into_iter().find(|a| matches(&a.get_info().name)).ok_or_else(|| {
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::new(ErrorKind::NoAdapter, format!("no adapter's name contains \"{wanted}\"; found: {found}"))
    })
}

async fn default_adapter(instance: &wgpu::Instance) -> Result<wgpu::Adapter> {
    let mut options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    if let Ok(adapter) = instance.request_adapter(&options).await {
        return Ok(adapter);
    }
    options.force_fallback_adapter = true;
    instance
        .request_adapter(&options)
        .await
        .map_err(|_| Error::new(ErrorKind::NoAdapter, "no GPU adapter was found, not even a software one"))
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
