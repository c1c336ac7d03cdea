//! Plans on the processor: dispatches with their bindings, played one after the other.

use super::call::{Bound, Call};
use super::{HostKernel, Memory, Processor};
use crate::gpu::buffer::{Buffer, Place};
use crate::gpu::kernel::{Binding, KernelKey};
use crate::gpu::plan::{Arg, Step};

/// A kernel with its uniform block and its bindings.
pub struct Dispatch {
    pub(in crate::gpu) key: KernelKey,
    kernel: HostKernel,
    params: Box<[u8]>,
    args: Box<[Buffer]>,
}

impl Dispatch {
    /// # Panics
    /// If the kernel has no host function, something else than buffers is bound, or what it writes overlaps with what else is
    /// bound.
    pub(in crate::gpu) fn new(label: &str, key: KernelKey, params: &[u8], args: &[Arg<'_>]) -> Self {
        let kernel =
            key.host().unwrap_or_else(|| panic!("{label}: {} has no host function", key.shader.name));
        let buffers = args.iter().map(|arg| match arg {
            Arg::Buffer(buffer) => (*buffer).clone(),
            Arg::Texels(_) => panic!("{label}: {} reads texels", key.shader.name),
        });
        let args: Box<[Buffer]> = buffers.collect();
        let bindings = key.shader.bindings;
        for (ix, (buffer, _)) in
            args.iter().zip(bindings).enumerate().filter(|(_, (_, b))| b.1 == Binding::ReadWrite)
        {
            let others = args.iter().enumerate().filter(|(other_ix, _)| *other_ix != ix);
            for (_, other) in others {
                let (words, theirs) = (buffer.words(), other.words());
                let apart = words.end <= theirs.start || theirs.end <= words.start;
                assert!(
                    apart || !std::ptr::eq(memory(buffer), memory(other)),
                    "{label}: {} writes {} and has it bound twice",
                    key.shader.name,
                    bindings[ix].0
                );
            }
        }
        Self { key, kernel, params: params.into(), args }
    }
}

/// The memory of a buffer of the processor's.
fn memory(buffer: &Buffer) -> &Memory {
    match &buffer.place {
        Place::Host(memory) => memory,
        #[cfg(feature = "gpu")]
        Place::Wgpu(_) => panic!("a buffer of the processor's"),
    }
}

impl Processor {
    /// Plays steps in their order.
    pub(in crate::gpu) fn play(&self, steps: &[Step]) {
        let _alone = self.lock();
        self.team.awake(|| {
            for step in steps {
                self.play_step(step);
            }
        });
    }

    fn play_step(&self, step: &Step) {
        match step {
            Step::Host { dispatch, .. } => {
                let args = dispatch.args.iter().zip(dispatch.key.shader.bindings);
                let bound: Vec<Bound<'_>> = args
                    .map(|(buffer, (_, binding))| Bound {
                        memory: memory(buffer),
                        words: buffer.words(),
                        binding: *binding,
                    })
                    .collect();
                // SAFETY: `play` holds the lock that everyone takes who uses memory of this processor, and what is written
                // overlaps with nothing else that is bound: `Dispatch::new` has seen to it.
                let mut call = unsafe { Call::new(self, &dispatch.params, &bound) };
                (dispatch.kernel)(&mut call);
            }
            Step::Clear(buffer) => {
                // SAFETY: as above.
                unsafe { memory(buffer).write(words(buffer, 0, buffer.bytes())) }.fill(0.0);
            }
            #[cfg(feature = "gpu")]
            Step::Dispatch { .. } | Step::CopyToTexels { .. } => {
                unreachable!("a plan is played on the device that it was recorded for")
            }
        }
    }

    /// Overwrites `buffer` from `offset` bytes on.
    pub(in crate::gpu) fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) {
        let _alone = self.lock();
        // SAFETY: the lock is held, and the slice ends with it.
        let to = unsafe { memory(buffer).write(words(buffer, offset, bytes.len() as u64)) };
        bytemuck::cast_slice_mut(to)[..bytes.len()].copy_from_slice(bytes);
    }

    /// `bytes` bytes of `buffer` from `offset` on.
    pub(in crate::gpu) fn read<T: bytemuck::Pod>(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Vec<T> {
        let _alone = self.lock();
        // SAFETY: as in `write`.
        let from = unsafe { memory(buffer).read(words(buffer, offset, bytes)) };
        bytemuck::pod_collect_to_vec(from)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The words that hold `bytes` bytes from `offset` bytes behind the buffer's beginning on.
fn words(buffer: &Buffer, offset: u64, bytes: u64) -> std::ops::Range<usize> {
    assert!(
        offset.is_multiple_of(4) && offset + bytes <= buffer.bytes().next_multiple_of(4),
        "bytes of a buffer: {bytes} from {offset} of {}",
        buffer.bytes()
    );
    let first = ((buffer.offset() + offset) / 4) as usize;
    first..first + bytes.div_ceil(4) as usize
}
