//! What a browser says of its adapter, and what is asked of it.

use crate::gpu::AdapterSummary;

impl AdapterSummary {
    pub(super) fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self { name: info.name, cpu: info.device_type == wgpu::DeviceType::Cpu }
    }
}

/// A device with no more than the default: browsers refuse more often than more would help.
pub(super) fn descriptor(_: &wgpu::Adapter, _: wgpu::Features) -> wgpu::DeviceDescriptor<'static> {
    wgpu::DeviceDescriptor { label: Some("ddpm"), ..Default::default() }
}
