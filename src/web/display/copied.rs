//! Painting on a 2D context what was copied out of the chain's buffer, one copy at a time and never waited for.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast};

use super::Display;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext};

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
    size: [u32; 2],
    staging: Option<wgpu::Buffer>,
    copying: bool,
    /// What was asked for while a copy was under way; only the last counts.
    next: Option<(Buffer, Display)>,
}

impl Copied {
    pub(super) fn new(gpu: &GpuContext, canvas: &web_sys::HtmlCanvasElement) -> Result<Self> {
        let context = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into().ok());
        let context = context
            .ok_or_else(|| Error::new(ErrorKind::NoAdapter, "this canvas has no 2D context to draw with"))?;
        let shared = Shared { gpu: gpu.clone(), context, state: RefCell::default() };
        Ok(Self { shared: Rc::new(shared) })
    }

    /// A canvas of `[width, height]` pixels.
    pub(super) fn configure(&mut self, size: [u32; 2]) {
        self.shared.state.borrow_mut().size = size;
    }

    /// Paints the pictures in `values` as soon as they are copied.
    pub(super) fn draw(&mut self, values: &Buffer, params: &Display) {
        copy(&self.shared, values, params);
    }
}

fn copy(shared: &Rc<Shared>, values: &Buffer, params: &Display) {
    let mut state = shared.state.borrow_mut();
    if state.copying {
        state.next = Some((values.clone(), *params));
        return;
    }
    let bytes = u64::from(params.samples * params.width * params.height * params.stride) * 4;
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
    encoder.copy_buffer_to_buffer(values.raw(), 0, &staging, 0, bytes);
    shared.gpu.queue().submit([encoder.finish()]);
    state.copying = true;
    let (shared, params, mapped) = (shared.clone(), *params, staging.clone());
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        if result.is_ok()
            && let Ok(values) = mapped.slice(..).get_mapped_range()
        {
            paint(&shared, &params, bytemuck::cast_slice(&values));
        }
        mapped.unmap();
        let next = {
            let mut state = shared.state.borrow_mut();
            state.copying = false;
            state.staging = Some(mapped);
            state.next.take()
        };
        if let Some((values, params)) = next {
            copy(&shared, &values, &params);
        }
    });
}

fn paint(shared: &Shared, params: &Display, values: &[f32]) {
    let [width, height] = shared.state.borrow().size;
    let rgba = rgba(params, values, width, height);
    let image = web_sys::ImageData::new_with_u8_clamped_array_and_sh(Clamped(&rgba), width, height);
    if let Ok(image) = image {
        // Painting fails only on a canvas that is gone.
        let _ = shared.context.put_image_data(&image, 0.0, 0.0);
    }
}

/// What `shaders/display.wgsl` computes for each pixel of the canvas.
fn rgba(params: &Display, values: &[f32], width: u32, height: u32) -> Vec<u8> {
    let mut out = vec![0; (width * height * 4) as usize];
    let shade = |value: f32| ((value * params.gain).mul_add(127.5, 127.5)).clamp(0.0, 255.0).round() as u8;
    let (zoom, stride) = (params.zoom as usize, params.stride as usize);
    for (sample, picture) in
        values.chunks_exact((params.width * params.height * params.stride) as usize).enumerate()
    {
        let (column, row) = (sample as u32 % params.columns, sample as u32 / params.columns);
        let left = column * (params.width * params.zoom + params.gap);
        let top = row * (params.height * params.zoom + params.gap);
        for (y, line) in picture.chunks_exact(params.width as usize * stride).enumerate() {
            let mut pixels = Vec::with_capacity(params.width as usize * zoom * 4);
            for pixel in line.chunks_exact(stride) {
                let rgb = if params.channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
                let [r, g, b] = rgb.map(shade);
                (0..zoom).for_each(|_| pixels.extend([r, g, b, 255]));
            }
            for dy in 0..zoom {
                let start = (((top as usize + y * zoom + dy) * width as usize) + left as usize) * 4;
                if let Some(to) = out.get_mut(start..start + pixels.len()) {
                    to.copy_from_slice(&pixels);
                }
            }
        }
    }
    out
}
