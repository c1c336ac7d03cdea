//! Recorded work: a fixed list of dispatches with their pipelines, bind groups and uniforms made once.

use std::sync::Arc;
#[cfg(feature = "processor")]
use std::sync::atomic::Ordering::Relaxed;

use super::Texels;
#[cfg(feature = "gpu")]
use super::adapters::WgpuDispatch;
use super::buffer::Buffer;
use super::context::{Device, GpuContext};
use super::encoder::{Encoder, Submission};
use super::kernel::{KernelKey, Params, ParamsLayout};
#[cfg(feature = "processor")]
use super::processor::Dispatch;
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
    #[cfg(feature = "gpu")]
    Dispatch {
        label: Arc<str>,
        dispatch: WgpuDispatch,
    },
    #[cfg(feature = "processor")]
    Host {
        label: Arc<str>,
        dispatch: Arc<Dispatch>,
    },
    #[cfg(feature = "gpu")]
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

#[cfg(feature = "tuning")]
impl Step {
    /// The kernel or command, the layer or buffer, and the bytes that a copy or clearing reads and writes.
    pub(super) fn describe(&self) -> (String, &str, Option<u64>) {
        match self {
            #[cfg(feature = "gpu")]
            Step::Dispatch { label, dispatch } => (dispatch.kernel.key.name(), label, None),
            #[cfg(feature = "processor")]
            Step::Host { label, dispatch } => (dispatch.key.name(), label, None),
            #[cfg(feature = "gpu")]
            Step::CopyToTexels { from, .. } => ("copy_to_texels".to_owned(), "", Some(2 * from.bytes())),
            Step::Clear(buffer) => ("clear".to_owned(), "", Some(buffer.bytes())),
        }
    }
}

/// Records a [`Plan`].
pub struct Recorder<'a> {
    /// The device recorded for.
    pub gpu: &'a GpuContext,
    pub(super) steps: Vec<Step>,
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
        let label: Arc<str> = label.into();
        self.steps.push(match &self.gpu.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(_) => {
                let dispatch = WgpuDispatch::new(self.gpu, &label, key, params, args, groups);
                Step::Dispatch { label, dispatch }
            }
            #[cfg(feature = "processor")]
            Device::Processor(_) => {
                let dispatch = Arc::new(Dispatch::new(&label, key, params, args));
                Step::Host { label, dispatch }
            }
        });
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
            #[cfg(feature = "gpu")]
            Step::Dispatch { label, .. } => Some(&**label),
            #[cfg(feature = "processor")]
            Step::Host { label, .. } => Some(&**label),
            #[cfg(feature = "gpu")]
            Step::CopyToTexels { .. } => None,
            Step::Clear(_) => None,
        })
    }

    /// Encodes the steps: one compute pass, interrupted by copies where there are any. A processor runs them here and now.
    pub fn encode(&self, gpu: &GpuContext, encoder: &mut Encoder) {
        match (encoder, &gpu.inner.device) {
            #[cfg(feature = "gpu")]
            (Encoder::Wgpu(encoder), _) => self.encode_passes(gpu, encoder),
            #[cfg(feature = "processor")]
            (Encoder::Processor, Device::Processor(processor)) => {
                gpu.inner.counters.dispatches.fetch_add(self.dispatches() as u64, Relaxed);
                processor.play(&self.steps);
            }
            #[cfg(all(feature = "gpu", feature = "processor"))]
            (Encoder::Processor, Device::Wgpu(_)) => unreachable!("an encoder of the same device"),
        }
    }

    /// Encodes and submits the plan once; what it returns is for [`GpuContext::wait_for`].
    pub fn submit(&self, gpu: &GpuContext) -> Submission {
        let mut encoder = gpu.encoder();
        self.encode(gpu, &mut encoder);
        gpu.submit(encoder)
    }
}
