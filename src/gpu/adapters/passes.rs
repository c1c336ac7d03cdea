//! Plans for wgpu: bind groups made once, then encoded as compute passes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::pipeline::CompiledKernel;
use super::texels::Texels;
use crate::gpu::buffer::{Buffer, TEXEL_ROW};
use crate::gpu::kernel::{Binding, KernelKey};
use crate::gpu::plan::{Arg, Plan, Recorder, Step};
use crate::gpu::{Encoder, GpuContext};

/// A kernel with its bindings, and how many workgroups of it are dispatched.
#[derive(Clone)]
pub(in crate::gpu) struct WgpuDispatch {
    pub(in crate::gpu) kernel: Arc<CompiledKernel>,
    bind_group: wgpu::BindGroup,
    groups: [u32; 3],
}

impl WgpuDispatch {
    /// # Panics
    /// If `args` is not what the shader declares.
    pub(in crate::gpu) fn new(
        gpu: &GpuContext,
        label: &str,
        key: KernelKey,
        params: &[u8],
        args: &[Arg<'_>],
        groups: [u32; 3],
    ) -> Self {
        let kernel = gpu.kernel(key);
        let uniform = gpu.uniform(label, params);
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }];
        for ((arg, (name, binding)), ix) in args.iter().zip(key.shader.bindings).zip(1..) {
            let resource = match (arg, binding) {
                (Arg::Buffer(buffer), Binding::Read | Binding::ReadWrite) => buffer.binding(),
                (Arg::Texels(texels), Binding::Texels) => wgpu::BindingResource::TextureView(&texels.view),
                _ => panic!("{label}: {name} of {} is a {binding:?}", key.shader.name),
            };
            entries.push(wgpu::BindGroupEntry { binding: ix, resource });
        }
        let bind_group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout: &kernel.layout,
            entries: &entries,
        });
        gpu.inner.counters.bind_groups.fetch_add(1, Relaxed);
        Self { kernel, bind_group, groups }
    }
}

impl Recorder<'_> {
    /// Records a copy of a whole buffer into texels.
    pub fn copy_to_texels(&mut self, from: &Buffer, to: &Texels) {
        self.steps.push(Step::CopyToTexels { from: from.clone(), to: to.clone() });
    }
}

impl Encoder {
    /// wgpu's encoder.
    ///
    /// # Panics
    /// If it is the processor's.
    pub fn raw(&mut self) -> &mut wgpu::CommandEncoder {
        match self {
            Self::Wgpu(encoder) => encoder,
            #[cfg(feature = "processor")]
            Self::Processor => panic!("an encoder of wgpu's"),
        }
    }
}

impl Buffer {
    fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.raw(),
            offset: self.offset(),
            size: wgpu::BufferSize::new(self.bound),
        })
    }
}

impl Plan {
    /// Encodes the steps: one compute pass, interrupted by copies where there are any.
    pub(in crate::gpu) fn encode_passes(&self, gpu: &GpuContext, encoder: &mut wgpu::CommandEncoder) {
        let counters = &gpu.inner.counters;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.peek() {
            match step {
                Step::CopyToTexels { from, to } => {
                    copy_to_texels(encoder, from, to);
                    steps.next();
                }
                Step::Clear(buffer) => {
                    encoder.clear_buffer(buffer.raw(), buffer.offset(), Some(buffer.bytes()));
                    steps.next();
                }
                Step::Dispatch { .. } => {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    counters.passes.fetch_add(1, Relaxed);
                    while let Some(Step::Dispatch { dispatch, .. }) =
                        steps.next_if(|step| matches!(step, Step::Dispatch { .. }))
                    {
                        let [x, y, z] = dispatch.groups;
                        pass.set_pipeline(&dispatch.kernel.pipeline);
                        pass.set_bind_group(0, &dispatch.bind_group, &[]);
                        pass.dispatch_workgroups(x, y, z);
                        counters.dispatches.fetch_add(1, Relaxed);
                    }
                }
                #[cfg(feature = "processor")]
                Step::Host { .. } => unreachable!("a plan is played on the device that it was recorded for"),
            }
        }
    }
}

/// Whole rows, then what is left of the last one.
fn copy_to_texels(encoder: &mut wgpu::CommandEncoder, from: &Buffer, to: &Texels) {
    let row_bytes = u64::from(TEXEL_ROW) * 16;
    let mut copy = |first_row: u32, [width, height]: [u32; 2]| {
        let source = wgpu::TexelCopyBufferInfo {
            buffer: from.raw(),
            layout: wgpu::TexelCopyBufferLayout {
                offset: from.offset() + u64::from(first_row) * row_bytes,
                bytes_per_row: Some(TEXEL_ROW * 16),
                rows_per_image: None,
            },
        };
        let mut target = to.raw.as_image_copy();
        target.origin.y = first_row;
        let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        encoder.copy_buffer_to_texture(source, target, size);
    };
    let (rows, rest) = ((from.bound / row_bytes) as u32, (from.bound % row_bytes / 16) as u32);
    if rows > 0 {
        copy(0, [TEXEL_ROW, rows]);
    }
    if rest > 0 {
        copy(rows, [rest, 1]);
    }
}
