//! Results back to the host: copied on the GPU, mapped asynchronously.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::GpuContext;
use crate::gpu::buffer::Buffer;

impl GpuContext {
    /// `bytes` bytes of `buffer` from `offset`.
    pub(in crate::gpu) async fn read_mapped<T: bytemuck::Pod>(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<T>> {
        let staging = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer.raw(), buffer.offset() + offset, &staging, 0, bytes);
        self.queue().submit([encoder.finish()]);
        map(self, &staging).await?;
        let view = staging.slice(..).get_mapped_range().map_err(|e| lost(&e.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

fn lost(message: &str) -> Error {
    Error::new(ErrorKind::DeviceLost, format!("a result could not be read back from the GPU: {message}"))
}

async fn map(gpu: &GpuContext, staging: &wgpu::Buffer) -> Result<()> {
    type Answer = std::result::Result<(), wgpu::BufferAsyncError>;
    let state = Arc::new(Mutex::new((None::<Answer>, None::<Waker>)));
    let answered = state.clone();
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        let waker = answered.lock().ok().and_then(|mut state| {
            state.0 = Some(result);
            state.1.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    let answer = std::future::poll_fn(|task| {
        if let Ok(mut state) = state.lock() {
            state.1 = Some(task.waker().clone());
        }
        gpu.wait();
        match state.lock().ok().and_then(|mut state| state.0.take()) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    });
    answer.await.map_err(|e| lost(&e.to_string()))
}
