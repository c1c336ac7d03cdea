//! Recorded work: a fixed list of dispatches with their pipelines, bind groups and uniforms made once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::buffer::{Buffer, TEXEL_ROW};
use super::context::{Device, GpuContext};
use super::encoder::{Encoder, Submission};
use super::kernel::{Binding, KernelKey, Params, ParamsLayout};
use super::pipeline::CompiledKernel;
#[cfg(feature = "processor")]
use super::processor::Dispatch;
use super::texels::Texels;
use crate::error::{Error, ErrorKind, Result};

/// What is bound to one binding.
#[derive(Clone, Copy)]
pub enum Arg<'a> {
    /// A whole storage buffer.
    Buffer(&'a Buffer),
    /// A texture of texels.
    Texels(&'a Texels),
}

impl<'a> From<&'a Buffer> for Arg<'a> {
    fn from(buffer: &'a Buffer) -> Self {
        Arg::Buffer(buffer)
    }
}

impl<'a> From<&'a Texels> for Arg<'a> {
    fn from(texels: &'a Texels) -> Self {
        Arg::Texels(texels)
    }
}

#[derive(Clone)]
pub(super) enum Step {
    Dispatch {
        label: Arc<str>,
        kernel: Arc<CompiledKernel>,
        bind_group: wgpu::BindGroup,
        groups: [u32; 3],
    },
    #[cfg(feature = "processor")]
    Host {
        label: Arc<str>,
        dispatch: Arc<Dispatch>,
    },
    CopyToTexels {
        from: Buffer,
        to: Texels,
    },
    Clear(Buffer),
}

/// A fixed list of steps; encoding it makes nothing.
#[derive(Clone, Default)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Step {
    /// The kernel or command, the layer or buffer, and the bytes that a copy or clearing reads and writes.
    pub(super) fn describe(&self) -> (String, &str, Option<u64>) {
        match self {
            Step::Dispatch { label, kernel, .. } => (kernel.key.name(), label, None),
            #[cfg(feature = "processor")]
            Step::Host { label, dispatch } => (dispatch.key.name(), label, None),
            Step::CopyToTexels { from, .. } => ("copy_to_texels".to_owned(), "", Some(2 * from.bytes())),
            Step::Clear(buffer) => ("clear".to_owned(), "", Some(buffer.bytes())),
        }
    }
}

/// Records a [`Plan`].
pub struct Recorder<'a> {
    /// The device recorded for.
    pub gpu: &'a GpuContext,
    steps: Vec<Step>,
}

impl<'a> Recorder<'a> {
    /// An empty recording.
    pub fn new(gpu: &'a GpuContext) -> Self {
        Self { gpu, steps: Vec::new() }
    }

    /// Records one dispatch of `key` over `groups` workgroups.
    ///
    /// # Errors
    /// If `groups` is more than a dispatch may have.
    ///
    /// # Panics
    /// If `args` or `P` is not what the shader declares.
    pub fn dispatch<P: Params>(
        &mut self,
        label: &str,
        key: KernelKey,
        params: &P,
        args: &[Arg<'_>],
        groups: [u32; 3],
    ) -> Result<()> {
        self.dispatch_bytes(label, key, (&P::LAYOUT, bytemuck::bytes_of(params)), args, groups)
    }

    /// [`Self::dispatch`] with the uniform block's bytes: one copy of the code for all of them.
    fn dispatch_bytes(
        &mut self,
        label: &str,
        key: KernelKey,
        (layout, params): (&ParamsLayout, &[u8]),
        args: &[Arg<'_>],
        groups: [u32; 3],
    ) -> Result<()> {
        assert!(*layout == key.shader.params, "{label}: uniform block of {}", key.shader.name);
        assert!(args.len() == key.shader.bindings.len(), "{label}: bindings of {}", key.shader.name);
        if groups.iter().any(|&n| n > 65_535) {
            let text = format!("{label} needs {groups:?} workgroups, at most 65535 a dimension are allowed");
            return Err(Error::new(ErrorKind::Limits, text));
        }
        #[cfg(feature = "processor")]
        if let Device::Processor(_) = &self.gpu.inner.device {
            let dispatch = Arc::new(Dispatch::new(label, key, params, args));
            self.steps.push(Step::Host { label: label.into(), dispatch });
            return Ok(());
        }
        let kernel = self.gpu.kernel(key);
        let uniform = self.gpu.uniform(label, params);
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }];
        for ((arg, (name, binding)), ix) in args.iter().zip(key.shader.bindings).zip(1..) {
            let resource = match (arg, binding) {
                (Arg::Buffer(buffer), Binding::Read | Binding::ReadWrite) => buffer.binding(),
                (Arg::Texels(texels), Binding::Texels) => wgpu::BindingResource::TextureView(&texels.view),
                _ => panic!("{label}: {name} of {} is a {binding:?}", key.shader.name),
            };
            entries.push(wgpu::BindGroupEntry { binding: ix, resource });
        }
        let bind_group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout: &kernel.layout,
            entries: &entries,
        });
        self.gpu.inner.counters.bind_groups.fetch_add(1, Relaxed);
        self.steps.push(Step::Dispatch { label: label.into(), kernel, bind_group, groups });
        Ok(())
    }

    /// Records one invocation for each of `count` items, 64 a workgroup, over a grid that stays within limits:
    /// the item's index is `grid_index` of `include/grid.wgsl`.
    ///
    /// # Errors
    /// As [`Self::dispatch`].
    pub fn dispatch_items<P: Params>(
        &mut self,
        label: &str,
        key: KernelKey,
        params: &P,
        args: &[Arg<'_>],
        count: u32,
    ) -> Result<()> {
        self.dispatch(label, key, params, args, grid(count))
    }

    /// Records a copy of a whole buffer into texels.
    pub fn copy_to_texels(&mut self, from: &Buffer, to: &Texels) {
        self.steps.push(Step::CopyToTexels { from: from.clone(), to: to.clone() });
    }

    /// Records zeroing a buffer.
    pub fn clear(&mut self, buffer: &Buffer) {
        self.steps.push(Step::Clear(buffer.clone()));
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        Plan { steps: self.steps }
    }

    /// The plan so far; recording begins anew.
    pub fn take(&mut self) -> Plan {
        Plan { steps: std::mem::take(&mut self.steps) }
    }
}

/// Workgroups of 64 for `count` items, as [`Recorder::dispatch_items`] has them.
pub(crate) fn grid(count: u32) -> [u32; 3] {
    let groups = count.div_ceil(64).max(1);
    let rows = groups.div_ceil(65_535);
    [groups.div_ceil(rows), rows, 1]
}

impl Plan {
    /// This plan's steps, then `next`'s.
    #[must_use]
    pub fn then(mut self, next: Plan) -> Plan {
        self.steps.extend(next.steps);
        self
    }

    /// Number of dispatches.
    pub fn dispatches(&self) -> usize {
        self.labels().count()
    }

    /// Labels of the dispatches in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Dispatch { label, .. } => Some(&**label),
            #[cfg(feature = "processor")]
            Step::Host { label, .. } => Some(&**label),
            Step::CopyToTexels { .. } | Step::Clear(_) => None,
        })
    }

    /// Encodes the steps: one compute pass, interrupted by copies where there are any. A processor runs them here and now.
    pub fn encode(&self, gpu: &GpuContext, encoder: &mut Encoder) {
        match encoder {
            Encoder::Wgpu(encoder) => self.encode_passes(gpu, encoder),
            #[cfg(feature = "processor")]
            Encoder::Processor => {
                if let Device::Processor(processor) = &gpu.inner.device {
                    processor.play(&self.steps);
                }
            }
        }
    }

    fn encode_passes(&self, gpu: &GpuContext, encoder: &mut wgpu::CommandEncoder) {
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
                    while let Some(Step::Dispatch { kernel, bind_group, groups, .. }) =
                        steps.next_if(|step| matches!(step, Step::Dispatch { .. }))
                    {
                        pass.set_pipeline(&kernel.pipeline);
                        pass.set_bind_group(0, bind_group, &[]);
                        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
                        counters.dispatches.fetch_add(1, Relaxed);
                    }
                }
                #[cfg(feature = "processor")]
                Step::Host { .. } => unreachable!("a plan is played on the device that it was recorded for"),
            }
        }
    }

    /// Encodes and submits the plan once; what it returns is for [`GpuContext::wait_for`].
    pub fn submit(&self, gpu: &GpuContext) -> Submission {
        let mut encoder = gpu.encoder();
        self.encode(gpu, &mut encoder);
        gpu.submit(encoder)
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
