//! Kernels as wgpu's pipelines: compiled once for a context.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Binding, GpuContext, KernelKey, assemble};

pub(in crate::gpu) struct CompiledKernel {
    #[cfg(feature = "tuning")]
    pub(in crate::gpu) key: KernelKey,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl GpuContext {
    /// Whether a kernel is there already.
    pub fn is_compiled(&self, key: KernelKey) -> bool {
        let Some(wgpu) = self.wgpu() else { return true };
        wgpu.kernels.lock().is_ok_and(|kernels| kernels.iter().any(|(k, _)| *k == key))
    }

    /// Compiles a kernel unless it is there already, and waits until the driver has.
    ///
    /// # Errors
    /// If the driver refuses it.
    pub async fn compile_and_wait(&self, key: KernelKey) -> Result<()> {
        if self.wgpu().is_none() {
            return Ok(());
        }
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::Validation);
        self.kernel(key);
        scope.pop().await.map_or(Ok(()), |e| {
            let text = format!("the GPU's driver refuses {}: {e}", key.shader.name);
            Err(Error::new(ErrorKind::SelfTest, text))
        })
    }

    /// The pipeline of `key`, compiled unless it is there already.
    ///
    /// # Panics
    /// If the device is none of wgpu's.
    pub(super) fn kernel(&self, key: KernelKey) -> Arc<CompiledKernel> {
        let mut kernels = self
            .wgpu()
            .expect("wgpu's device")
            .kernels
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, kernel)) = kernels.iter().find(|(k, _)| *k == key) {
            return kernel.clone();
        }
        let kernel = Arc::new(self.compile_kernel(key));
        kernels.push((key, kernel.clone()));
        kernel
    }

    fn compile_kernel(&self, key: KernelKey) -> CompiledKernel {
        let shader = key.shader;
        let label = format!("{}::{}", shader.name, key.entry_point);
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(&label),
            source: wgpu::ShaderSource::Wgsl(assemble(shader, &key.consts).into()),
        };
        // SAFETY: without runtime checks an index out of bounds or an endless loop is undefined behaviour. Every
        // kernel here is our own: it guards its invocation index and derives all others from sizes with which the
        // host made the buffers (tests compare each with its twin on awkward shapes), and every loop has a bound
        // from the same sizes. In browsers the checks are the browser's and stay.
        let module = unsafe {
            self.device().create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let entries: Vec<_> = std::iter::once(entry(0, uniform()))
            .chain(
                shader.bindings.iter().zip(1..).map(|((_, binding), ix)| entry(ix, binding_type(*binding))),
            )
            .collect();
        let layout = self.device().create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(shader.name),
            entries: &entries,
        });
        let pipeline_layout = self.device().create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader.name),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = self.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(key.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.inner.counters.pipelines.fetch_add(1, Relaxed);
        CompiledKernel {
            #[cfg(feature = "tuning")]
            key,
            pipeline,
            layout,
        }
    }
}

fn entry(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None }
}

fn uniform() -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    }
}

fn binding_type(binding: Binding) -> wgpu::BindingType {
    let storage = |read_only| wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    match binding {
        Binding::Read => storage(true),
        Binding::ReadWrite => storage(false),
        Binding::Texels => wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
    }
}
