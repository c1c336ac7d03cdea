//! Painting on a 2D context what was copied out of the pixels' buffer, one copy at a time and never waited for.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, ImageData, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, Plan};
use crate::ops::display::Display;

/// A canvas's 2D context, and the copy under way.
pub(super) struct Copied {
    shared: Rc<Shared>,
}

struct Shared {
    gpu: GpuContext,
    context: CanvasRenderingContext2d,
    /// Where the pictures are at their own size.
    small: OffscreenCanvas,
    small_context: OffscreenCanvasRenderingContext2d,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    staging: Option<wgpu::Buffer>,
    copying: bool,
    /// What was asked for while a copy was under way; only the last counts.
    next: Option<Frame>,
}

/// A frame to be painted.
pub(super) struct Frame {
    /// What draws it.
    pub(super) plan: Rc<Plan>,
    /// Where to: `[canvas_height, row]` words of `drawn`.
    pub(super) pixels: Buffer,
    /// The grid there: no gaps, no zoom, no padded rows.
    pub(super) drawn: Display,
    /// The grid on the canvas.
    pub(super) shown: Display,
}

impl Copied {
    pub(super) fn new(gpu: &GpuContext, canvas: &web_sys::HtmlCanvasElement) -> Result<Self> {
        let none = || Error::new(ErrorKind::NoAdapter, "this canvas has no 2D context to draw with");
        let context = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into().ok());
        let small = OffscreenCanvas::new(1, 1).map_err(|_| none())?;
        let small_context = small.get_context("2d").ok().flatten().and_then(|c| c.dyn_into().ok());
        let shared = Shared {
            gpu: gpu.clone(),
            context: context.ok_or_else(none)?,
            small,
            small_context: small_context.ok_or_else(none)?,
            state: RefCell::default(),
        };
        Ok(Self { shared: Rc::new(shared) })
    }

    /// Draws and paints `frame`, as soon as it is copied.
    pub(super) fn paint(&self, frame: Frame) {
        copy(&self.shared, frame);
    }
}

fn copy(shared: &Rc<Shared>, frame: Frame) {
    let mut state = shared.state.borrow_mut();
    if state.copying {
        state.next = Some(frame);
        return;
    }
    let bytes = u64::from(frame.drawn.row * frame.drawn.canvas_height) * 4;
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
            paint(&shared, &pixels, &frame.drawn, &frame.shown);
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

fn paint(shared: &Shared, pixels: &[u8], drawn: &Display, shown: &Display) {
    let [width, height] = [drawn.canvas_width, drawn.canvas_height];
    if [shared.small.width(), shared.small.height()] != [width, height] {
        shared.small.set_width(width);
        shared.small.set_height(height);
    }
    let Ok(image) = ImageData::new_with_u8_clamped_array_and_sh(Clamped(pixels), width, height) else {
        return;
    };
    // Painting fails only on a canvas that is gone.
    let _ = shared.small_context.put_image_data(&image, 0.0, 0.0);
    shared.context.set_image_smoothing_enabled(false);
    let (width, height) = (f64::from(shown.width), f64::from(shown.height));
    let (zoom, gap) = (f64::from(shown.zoom), f64::from(shown.gap));
    for sample in 0..shown.samples {
        let column = f64::from(sample % shown.columns);
        let row = f64::from(sample / shown.columns);
        let _ = shared.context.draw_image_with_offscreen_canvas_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
            &shared.small,
            column * width,
            row * height,
            width,
            height,
            column * (width * zoom + gap),
            row * (height * zoom + gap),
            width * zoom,
            height * zoom,
        );
    }
}
