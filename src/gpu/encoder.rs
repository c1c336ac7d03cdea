//! Commands on their way to a device.

use super::buffer::Buffer;
use super::context::{Device, GpuContext};

/// Commands that are encoded one after the other. A processor runs each at once, so nothing is left to be submitted.
pub enum Encoder {
    /// For wgpu's queue.
    #[cfg(feature = "gpu")]
    Wgpu(wgpu::CommandEncoder),
    /// For the processor.
    #[cfg(feature = "processor")]
    Processor,
}

/// Commands that were submitted: for [`GpuContext::wait_for`].
#[derive(Clone, Debug)]
pub enum Submission {
    /// To wgpu's queue.
    #[cfg(feature = "gpu")]
    Wgpu(wgpu::SubmissionIndex),
    /// To the processor: they are done.
    #[cfg(feature = "processor")]
    Done,
}

impl Encoder {
    /// Encodes a copy of `bytes` bytes, from and to so many bytes behind the buffers' beginnings: multiples of 4.
    pub fn copy(&mut self, gpu: &GpuContext, from: (&Buffer, u64), to: (&Buffer, u64), bytes: u64) {
        match (self, &gpu.inner.device) {
            #[cfg(feature = "gpu")]
            (Self::Wgpu(encoder), _) => encoder.copy_buffer_to_buffer(
                from.0.raw(),
                from.0.offset() + from.1,
                to.0.raw(),
                to.0.offset() + to.1,
                bytes,
            ),
            #[cfg(feature = "processor")]
            (Self::Processor, Device::Processor(processor)) => {
                let copied: Vec<f32> = processor.read(from.0, from.1, bytes);
                processor.write(to.0, to.1, bytemuck::cast_slice(&copied));
            }
            #[cfg(all(feature = "gpu", feature = "processor"))]
            (Self::Processor, Device::Wgpu(_)) => unreachable!("an encoder of the same device"),
        }
    }
}

impl GpuContext {
    /// An encoder without commands.
    pub fn encoder(&self) -> Encoder {
        match &self.inner.device {
            #[cfg(feature = "gpu")]
            Device::Wgpu(wgpu) => {
                Encoder::Wgpu(wgpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
            }
            #[cfg(feature = "processor")]
            Device::Processor(_) => Encoder::Processor,
        }
    }

    /// Submits what was encoded.
    pub fn submit(&self, encoder: Encoder) -> Submission {
        match encoder {
            #[cfg(feature = "gpu")]
            Encoder::Wgpu(encoder) => Submission::Wgpu(self.queue().submit([encoder.finish()])),
            #[cfg(feature = "processor")]
            Encoder::Processor => Submission::Done,
        }
    }

    /// Waits until `submission` is done (native; a browser's queue runs by itself).
    pub fn wait_for(&self, submission: Submission) {
        match submission {
            #[cfg(feature = "gpu")]
            Submission::Wgpu(index) => {
                if let Some(wgpu) = self.wgpu() {
                    wgpu.wait(Some(index));
                }
            }
            #[cfg(feature = "processor")]
            Submission::Done => {}
        }
    }
}
