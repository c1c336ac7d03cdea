//! Adapters: what there is to compute on, and which is taken.

use super::context::{CLOCK, GpuContext};
#[cfg(not(target_arch = "wasm32"))]
use super::matrices;
#[cfg(feature = "processor")]
use super::processor::{self, Processor};
use crate::error::{Error, ErrorKind, Result};

/// No feature beyond those that are of use where they are offered.
const NOTHING: wgpu::Features = wgpu::Features::empty();

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
    pub(super) fn of(adapter: &wgpu::Adapter) -> Self {
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

    #[cfg(feature = "processor")]
    pub(super) fn of_processor(processor: &Processor) -> Self {
        let (level, threads) = (processor.level().name(), processor.team().threads());
        Self {
            name: processor::NAME.to_owned(),
            cpu: true,
            #[cfg(not(target_arch = "wasm32"))]
            backend: "processor".to_owned(),
            #[cfg(not(target_arch = "wasm32"))]
            driver: format!("{level}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            #[cfg(not(target_arch = "wasm32"))]
            features: NOTHING,
            #[cfg(not(target_arch = "wasm32"))]
            unpacks_f16: false,
            #[cfg(not(target_arch = "wasm32"))]
            limits: wgpu::Limits::default(),
            #[cfg(not(target_arch = "wasm32"))]
            subgroup_sizes: [0; 2],
            #[cfg(not(target_arch = "wasm32"))]
            cooperative_matrices: Vec::new(),
        }
    }
}

impl GpuContext {
    /// Every adapter that this machine offers, the processor last.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn adapters() -> Vec<AdapterSummary> {
        let adapters = instance().enumerate_adapters(wgpu::Backends::all()).await;
        let mut found: Vec<AdapterSummary> = adapters.iter().map(AdapterSummary::of).collect();
        #[cfg(feature = "processor")]
        found.extend(
            Processor::from_environment(None).map(|processor| AdapterSummary::of_processor(&processor)),
        );
        found
    }

    /// A device on the first adapter whose name contains `adapter_name` (any case); `cpu` is the processor. Without a name, the
    /// system's choice, or the processor where that would compute on it too.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses a device.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn request(adapter_name: Option<&str>) -> Result<Self> {
        Self::request_with(adapter_name, None).await
    }

    /// As [`Self::request`]; if that is the processor, with so many threads.
    ///
    /// # Errors
    /// As [`Self::request`], or if so many threads cannot be had.
    #[cfg(all(not(target_arch = "wasm32"), feature = "processor"))]
    pub async fn request_with(adapter_name: Option<&str>, threads: Option<usize>) -> Result<Self> {
        let adapter = match adapter_name {
            Some(name) if name.eq_ignore_ascii_case(processor::NAME) => None,
            Some(name) => Some(named_adapter(&instance(), name).await?),
            None => default_adapter(&instance())
                .await
                .ok()
                .filter(|adapter| adapter.get_info().device_type != wgpu::DeviceType::Cpu),
        };
        match adapter {
            Some(adapter) => Self::from_adapter(&adapter, NOTHING).await,
            None => Ok(Self::from_processor(Processor::from_environment(threads)?)),
        }
    }

    /// As [`Self::request`]: a build without processors has no threads of its own.
    ///
    /// # Errors
    /// As [`Self::request`].
    #[cfg(all(not(target_arch = "wasm32"), not(feature = "processor")))]
    pub async fn request_with(adapter_name: Option<&str>, _: Option<usize>) -> Result<Self> {
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
        #[cfg(feature = "processor")]
        let names = [&names[..], &[processor::NAME.to_owned()]].concat();
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
