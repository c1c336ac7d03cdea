//! A device from an adapter, and the system's choice of one.

use super::descriptor;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{AdapterSummary, GpuContext};

impl GpuContext {
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
        Self::from_adapter(&default_adapter(instance).await?, wgpu::Features::empty()).await
    }

    /// A device with the features `wanted`, and those that are of use where they are offered.
    pub(super) async fn from_adapter(adapter: &wgpu::Adapter, wanted: wgpu::Features) -> Result<Self> {
        let descriptor = descriptor(adapter, wanted);
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| {
            Error::new(ErrorKind::Limits, format!("{}: no device: {e}", adapter.get_info().name))
        })?;
        Ok(Self::with_summary(device, queue, AdapterSummary::of(adapter)))
    }
}

pub(super) fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle())
}

pub(super) async fn default_adapter(instance: &wgpu::Instance) -> Result<wgpu::Adapter> {
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
