//! Results back to the host: copied on the GPU, mapped asynchronously. Never inside the loop.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

use super::buffer::Buffer;
use super::context::GpuContext;
use crate::error::{Error, ErrorKind, Result};

impl GpuContext {
    /// The words of `buffer`, after all that was submitted before. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read<T: bytemuck::Pod>(&self, buffer: &Buffer) -> Result<Vec<T>> {
        self.read_range(buffer, 0, buffer.bytes()).await
    }

    /// `bytes` bytes of `buffer` from `offset` (both multiples of 4).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_range<T: bytemuck::Pod>(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<T>> {
        self.inner.counters.readbacks.fetch_add(1, Relaxed);
        let staging = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer.raw(), offset, &staging, 0, bytes);
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
    let (sender, receiver) = mpsc::channel();
    let waker = std::sync::Arc::new(std::sync::Mutex::new(None::<std::task::Waker>));
    let wake = waker.clone();
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // The receiver is gone only if the caller has stopped waiting.
        let _ = sender.send(result);
        if let Some(waker) = wake.lock().ok().and_then(|mut w| w.take()) {
            waker.wake();
        }
    });
    let mut result = None;
    std::future::poll_fn(|task| {
        if let Ok(mut slot) = waker.lock() {
            *slot = Some(task.waker().clone());
        }
        gpu.wait();
        result = receiver.try_recv().ok();
        if result.is_some() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    match result {
        Some(Ok(())) => Ok(()),
        Some(Err(e)) => Err(lost(&e.to_string())),
        None => Err(lost("no answer")),
    }
}
