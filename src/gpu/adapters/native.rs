//! Adapters natively: which there are, what they offer, and what is asked of them.

use super::device::CLOCK;
#[cfg(feature = "tuning")]
use super::matrices;
use super::request::{default_adapter, instance};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "processor")]
use crate::gpu::processor::{self, Processor};
use crate::gpu::{AdapterSummary, GpuContext};

/// What an adapter offers.
#[derive(Clone, Debug)]
pub struct Offers {
    /// Whether timestamps, f16 and subgroups are offered.
    pub features: wgpu::Features,
    /// Its limits.
    pub limits: wgpu::Limits,
    /// Invocations of a subgroup, at least and at most.
    pub subgroup_sizes: [u32; 2],
    /// Matrices that a subgroup multiplies in one instruction: wgpu's experimental feature.
    pub cooperative_matrices: Vec<wgpu::CooperativeMatrixProperties>,
}

impl AdapterSummary {
    pub(super) fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self {
            name: info.name,
            cpu: info.device_type == wgpu::DeviceType::Cpu,
            backend: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info).trim_ascii().to_owned(),
            unpacks_f16: adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32),
            offers: Some(Box::new(Offers {
                features: adapter.features(),
                limits: adapter.limits(),
                subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
                cooperative_matrices: adapter.cooperative_matrix_properties(),
            })),
        }
    }
}

impl GpuContext {
    /// Every adapter that this machine offers, the processor last.
    pub async fn adapters() -> Vec<AdapterSummary> {
        let adapters = instance().enumerate_adapters(wgpu::Backends::all()).await;
        let found = adapters.iter().map(AdapterSummary::of);
        #[cfg(feature = "processor")]
        let found = found.chain(
            Processor::from_environment(None).iter().map(AdapterSummary::of_processor).collect::<Vec<_>>(),
        );
        found.collect()
    }

    /// A device on the first adapter whose name contains `adapter_name` (any case); `cpu` is the processor. Without a name, the
    /// system's choice, or the processor where that would compute on it too.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses a device.
    pub async fn request(adapter_name: Option<&str>) -> Result<Self> {
        Self::request_with(adapter_name, None).await
    }

    /// As [`Self::request`]; if that is the processor, with so many threads.
    ///
    /// # Errors
    /// As [`Self::request`], or if so many threads cannot be had.
    #[cfg(feature = "processor")]
    pub async fn request_with(adapter_name: Option<&str>, threads: Option<usize>) -> Result<Self> {
        let adapter = match adapter_name {
            Some(name) if name.eq_ignore_ascii_case(processor::NAME) => None,
            Some(name) => match named_adapter(&instance(), name).await {
                Err(_) if processor::NAME.contains(&name.to_lowercase()) => None,
                adapter => Some(adapter?),
            },
            None => default_adapter(&instance())
                .await
                .ok()
                .filter(|adapter| adapter.get_info().device_type != wgpu::DeviceType::Cpu),
        };
        match adapter {
            Some(adapter) => Self::from_adapter(&adapter, wgpu::Features::empty()).await,
            None => Ok(Self::from_processor(Processor::from_environment(threads)?)),
        }
    }

    /// As [`Self::request`]: a build without processors has no threads of its own.
    ///
    /// # Errors
    /// As [`Self::request`].
    #[cfg(not(feature = "processor"))]
    pub async fn request_with(adapter_name: Option<&str>, _: Option<usize>) -> Result<Self> {
        Self::from_adapter(&chosen_adapter(adapter_name).await?, wgpu::Features::empty()).await
    }

    /// As [`Self::request`], for mixed precision: [`Tile::Matrices`](crate::gpu::Tile::Matrices).
    ///
    /// # Errors
    /// If there is no such adapter, it refuses a device, or it has no matrix units of use.
    #[cfg(feature = "tuning")]
    pub async fn request_mixed(adapter_name: Option<&str>) -> Result<Self> {
        let adapter = chosen_adapter(adapter_name).await?;
        let tile = matrices::tile(&adapter)?;
        Ok(Self::from_adapter(&adapter, matrices::FEATURES).await?.with_tile(tile))
    }
}

/// A device with the features `wanted`, those that are of use where they are offered, and of limits above the defaults only what
/// large batches may need.
pub(super) fn descriptor(adapter: &wgpu::Adapter, wanted: wgpu::Features) -> wgpu::DeviceDescriptor<'static> {
    let mut descriptor = wgpu::DeviceDescriptor { label: Some("ddpm"), ..Default::default() };
    let offered = adapter.limits();
    let limits = &mut descriptor.required_limits;
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
    descriptor
}

/// The first adapter whose name contains `adapter_name`, or the system's choice.
#[cfg(any(feature = "tuning", not(feature = "processor")))]
async fn chosen_adapter(adapter_name: Option<&str>) -> Result<wgpu::Adapter> {
    match adapter_name {
        Some(wanted) => named_adapter(&instance(), wanted).await,
        None => default_adapter(&instance()).await,
    }
}

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
