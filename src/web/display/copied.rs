//! Painting on a 2D context what was copied out of the pixels' buffer, one copy at a time and never waited for.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast};

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, Plan};
use crate::ops::display::Display;

/// A canvas's 2D context, and the copy under way.
pub(super) struct Copied {
    shared: Rc<Shared>,
}

struct Shared {
    gpu: GpuContext,
    context: web_sys::CanvasRenderingContext2d,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    staging: Option<wgpu::Buffer>,
    copying: bool,
    /// What was asked for while a copy was under way; only the last counts.
    next: Option<Frame>,
}

/// What draws, where to, and the canvas's size.
struct Frame {
    plan: Rc<Plan>,
    pixels: Buffer,
    row: u32,
    height: u32,
}

impl Copied {
    pub(super) fn new(gpu: &GpuContext, canvas: &web_sys::HtmlCanvasElement) -> Result<Self> {
        let context = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into().ok());
        let context = context
            .ok_or_else(|| Error::new(ErrorKind::NoAdapter, "this canvas has no 2D context to draw with"))?;
        let shared = Shared { gpu: gpu.clone(), context, state: RefCell::default() };
        Ok(Self { shared: Rc::new(shared) })
    }

    /// Runs `plan`, which draws into `pixels`, and paints these as soon as they are copied.
    pub(super) fn paint(&self, plan: Rc<Plan>, pixels: &Buffer, params: &Display) {
        let frame = Frame { plan, pixels: pixels.clone(), row: params.row, height: params.canvas_height };
        copy(&self.shared, frame);
    }
}

fn copy(shared: &Rc<Shared>, frame: Frame) {
    let mut state = shared.state.borrow_mut();
    if state.copying {
        state.next = Some(frame);
        return;
    }
    let bytes = u64::from(frame.row * frame.height) * 4;
    let device = shared.gpu.device();
    let staging = match state.staging.take() {
        Some(staging) if staging.size() == bytes => staging,
        _ => device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        }),
    };
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    frame.plan.encode(&shared.gpu, &mut encoder);
    encoder.copy_buffer_to_buffer(frame.pixels.raw(), 0, &staging, 0, bytes);
    shared.gpu.queue().submit([encoder.finish()]);
    state.copying = true;
    let (shared, mapped) = (shared.clone(), staging.clone());
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        if result.is_ok()
            && let Ok(pixels) = mapped.slice(..).get_mapped_range()
        {
            paint(&shared.context, &pixels, frame.row, frame.height);
        }
        mapped.unmap();
        let next = {
            let mut state = shared.state.borrow_mut();
            state.copying = false;
            state.staging = Some(mapped);
            state.next.take()
        };
        if let Some(frame) = next {
            copy(&shared, frame);
        }
    });
}

/// Rows reach beyond the canvas's right edge, which cuts them off.
fn paint(context: &web_sys::CanvasRenderingContext2d, pixels: &[u8], row: u32, height: u32) {
    let image = web_sys::ImageData::new_with_u8_clamped_array_and_sh(Clamped(pixels), row, height);
    if let Ok(image) = image {
        // Painting fails only on a canvas that is gone.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}
