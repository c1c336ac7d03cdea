//! Painting on a 2D context what was copied out of the pixels' buffer, one copy at a time and never waited for.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, ImageData};

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
        let context = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into().ok());
        let context = context
            .ok_or_else(|| Error::new(ErrorKind::NoAdapter, "this canvas has no 2D context to draw with"))?;
        let shared = Shared { gpu: gpu.clone(), context, state: RefCell::default() };
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
    let mut encoder = shared.gpu.encoder();
    frame.plan.encode(&shared.gpu, &mut encoder);
    encoder.raw().copy_buffer_to_buffer(frame.pixels.raw(), 0, &staging, 0, bytes);
    shared.gpu.submit(encoder);
    state.copying = true;
    let (shared, mapped) = (shared.clone(), staging.clone());
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        if result.is_ok()
            && let Ok(pixels) = mapped.slice(..).get_mapped_range()
        {
            paint(&shared.context, &pixels, &frame.drawn, &frame.shown);
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

fn paint(context: &CanvasRenderingContext2d, pixels: &[u8], drawn: &Display, shown: &Display) {
    let pixels = enlarged(bytemuck::cast_slice(pixels), drawn, shown);
    let pixels = Clamped(bytemuck::cast_slice(&pixels));
    let image = ImageData::new_with_u8_clamped_array_and_sh(pixels, shown.canvas_width, shown.canvas_height);
    if let Ok(image) = image {
        // Painting fails only on a canvas that is gone.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// The grid `shown` of the pictures in `pixels`, the grid `drawn`. (Another canvas could enlarge them, but its work waits
/// for the adapter's in Chromium: tasks of 100 ms and more.)
fn enlarged(pixels: &[[u8; 4]], drawn: &Display, shown: &Display) -> Vec<[u8; 4]> {
    let mut out = vec![[0; 4]; (shown.canvas_width * shown.canvas_height) as usize];
    let (width, zoom) = (shown.width as usize, shown.zoom as usize);
    for sample in 0..shown.samples {
        let (column, row) = (sample % shown.columns, sample / shown.columns);
        let left = column * (shown.width * shown.zoom + shown.gap);
        let top = row * (shown.height * shown.zoom + shown.gap);
        for y in 0..shown.height {
            let from = (row * drawn.height + y) * drawn.row + column * drawn.width;
            let line = pixels[from as usize..][..width].iter();
            let line: Vec<[u8; 4]> = line.flat_map(|pixel| std::iter::repeat_n(*pixel, zoom)).collect();
            for y in top + y * shown.zoom..top + (y + 1) * shown.zoom {
                let start = (y * shown.canvas_width + left) as usize;
                // A canvas may be cut off where no zoom is small enough.
                if let Some(to) = out.get_mut(start..start + line.len()) {
                    to.copy_from_slice(&line);
                }
            }
        }
    }
    out
}
