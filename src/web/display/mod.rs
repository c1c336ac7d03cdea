//! The canvas: where its pictures go, and two ways to paint them.
//!
//! On a GPU a render pass reads the chain's buffer ([`presented`]). On a CPU adapter the pictures are in the CPU's memory
//! anyway: they are copied out without waiting and painted on a 2D context ([`copied`]), because headless Chromium loses
//! its device when a WebGPU canvas is presented from SwiftShader.

mod copied;
mod presented;

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, params};
use copied::Copied;
use presented::Presented;

params! {
    /// The grid; the fields are explained in `shaders/display.wgsl`.
    pub struct Display {
        /// Pictures a row.
        columns: u32,
        /// Pictures.
        samples: u32,
        /// A picture's width.
        width: u32,
        /// A picture's height.
        height: u32,
        /// Canvas pixels for each of a picture's.
        zoom: u32,
        /// Canvas pixels between pictures.
        gap: u32,
        /// Channels.
        channels: u32,
        /// Floats of a pixel.
        stride: u32,
        /// Floats before the first picture.
        offset: u32,
        /// Contrast.
        gain: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

/// The canvas is at least this wide where the pictures are small.
const TARGET_WIDTH: u32 = 720;

enum Painter {
    Presented(Presented),
    Copied(Copied),
}

/// A canvas and the grid of pictures on it.
pub(super) struct Screen {
    canvas: web_sys::HtmlCanvasElement,
    params: Display,
    most: u32,
    painter: Painter,
}

impl Screen {
    /// A device, and a way to paint its buffers on `canvas`.
    ///
    /// # Errors
    /// If there is no adapter or it cannot paint there.
    pub(super) async fn open(canvas: &web_sys::HtmlCanvasElement) -> Result<(GpuContext, Self)> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let (gpu, adapter) = GpuContext::request_from(&instance).await?;
        let painter = if gpu.adapter().cpu {
            Painter::Copied(Copied::new(&gpu, canvas)?)
        } else {
            let target = wgpu::SurfaceTarget::Canvas(canvas.clone());
            let surface = instance.create_surface(target).map_err(|e| {
                Error::new(ErrorKind::NoAdapter, format!("this canvas cannot be drawn on with WebGPU: {e}"))
            })?;
            Painter::Presented(Presented::new(&gpu, surface, &adapter)?)
        };
        let most = gpu.device().limits().max_texture_dimension_2d;
        Ok((gpu, Self { canvas: canvas.clone(), params: Display::default(), most, painter }))
    }

    /// Sets the grid of `samples` pictures and the canvas's size to a whole multiple of it.
    pub(super) fn resize(&mut self, [height, width, channels]: [u32; 3], samples: u32, stride: u32) {
        let columns = columns(samples);
        let rows = samples.div_ceil(columns);
        let largest = (self.most / (rows * height).max(columns * width)).max(1);
        let zoom = (TARGET_WIDTH / (columns * width)).clamp(1, largest);
        let gap = if columns * width * zoom >= 240 { 4 } else { 1 };
        self.params =
            Display { columns, samples, width, height, zoom, gap, channels, stride, ..Display::default() };
        let side = |cells: u32, size: u32| (cells * (size * zoom + gap) - gap).clamp(1, self.most);
        let size = [side(columns, width), side(rows, height)];
        self.canvas.set_width(size[0]);
        self.canvas.set_height(size[1]);
        match &mut self.painter {
            Painter::Presented(painter) => painter.configure(size),
            Painter::Copied(painter) => painter.configure(size),
        }
    }

    pub(super) fn columns(&self) -> u32 {
        self.params.columns
    }

    pub(super) fn rows(&self) -> u32 {
        self.params.samples.div_ceil(self.params.columns)
    }

    /// Draws the pictures in `values`, times `gain`.
    pub(super) fn draw(&mut self, values: &Buffer, gain: f32) {
        let params = Display { gain, ..self.params };
        match &mut self.painter {
            Painter::Presented(painter) => painter.draw(values, &params),
            Painter::Copied(painter) => painter.draw(values, &params),
        }
    }
}

/// A grid that is as square as it can be.
fn columns(samples: u32) -> u32 {
    (1..=samples.max(1)).find(|c| c * c >= samples).unwrap_or(1)
}
