//! A chain's tensors in the host's memory, to go on from when the device is lost: copied out now and then, never waited for.

use std::cell::RefCell;
use std::rc::Rc;

use crate::gpu::GpuContext;
use crate::sampler::Sampler;

/// x_t and what goes with it after some steps, as [`Sampler::restore`] takes it.
pub(super) struct Snapshot {
    pub(super) steps_done: u32,
    pub(super) words: Vec<u8>,
}

/// The last copy that arrived, and how many were begun. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Snapshots {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    begun: u32,
    /// The first copy of the chain's present past.
    valid_from: u32,
    last: Option<(u32, Snapshot)>,
}

impl Snapshots {
    /// Begins to copy what `sampler` has now. Until it arrives an earlier copy stands, if `chain_goes_on`; otherwise, after a
    /// way back or another seed, it would lead to another picture, and none does.
    pub(super) fn take(&self, gpu: &GpuContext, sampler: &Sampler, chain_goes_on: bool) {
        let bytes = sampler.view_bytes();
        let views = sampler.views();
        let staging = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("snapshot"),
            size: bytes * views.len() as u64,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.encoder();
        for (view, offset) in views.into_iter().zip((0..).step_by(bytes as usize)) {
            encoder.raw().copy_buffer_to_buffer(view.raw(), 0, &staging, offset, bytes);
        }
        gpu.submit(encoder);

        let mut state = self.state.borrow_mut();
        state.begun += 1;
        if !chain_goes_on {
            state.valid_from = state.begun;
            state.last = None;
        }
        let (number, steps_done, arrived) = (state.begun, sampler.steps_done(), self.clone());
        let mapped = staging.clone();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            let Some(words) =
                result.ok().and_then(|()| Some(mapped.slice(..).get_mapped_range().ok()?.to_vec()))
            else {
                return;
            };
            mapped.unmap();
            arrived.store(number, Snapshot { steps_done, words });
        });
    }

    fn store(&self, number: u32, snapshot: Snapshot) {
        let mut state = self.state.borrow_mut();
        if number >= state.valid_from && state.last.as_ref().is_none_or(|(last, _)| *last < number) {
            state.last = Some((number, snapshot));
        }
    }

    /// The last copy, which is then gone.
    pub(super) fn into_last(self) -> Option<Snapshot> {
        self.state.borrow_mut().last.take().map(|(_, snapshot)| snapshot)
    }
}
