//! The canvas: where its pictures go, and two ways to paint them.
//!
//! A kernel ([`display`]) writes pixels from the chain's buffer. On a GPU they are the canvas's, copied into its texture
//! ([`presented`]), and never leave it. On a CPU adapter they are in the CPU's memory anyway: as many as the pictures have
//! are copied out without waiting, and painted larger on a 2D context ([`copied`]), because headless Chromium loses its
//! device when a WebGPU canvas is presented from SwiftShader.

mod copied;
mod presented;

use std::rc::Rc;

use super::gpu::Gpu;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, Plan, Recorder};
use crate::ops::display::{self, Display};
use copied::{Copied, Frame};
use presented::Presented;

/// The canvas is at least this wide where the pictures are small.
const TARGET_WIDTH: u32 = 720;
/// Rows of pixels begin at multiples of this, so that they can be copied into a texture.
const ROW_PIXELS: u32 = 256 / 4;

enum Painter {
    Presented(Presented),
    Copied(Copied),
}

/// A canvas and the grid of pictures on it.
pub(super) struct Screen {
    gpu: GpuContext,
    canvas: web_sys::HtmlCanvasElement,
    most: u32,
    painter: Painter,
    /// The grid on the canvas.
    params: Display,
    /// The grid that the kernel draws: the canvas's, or one without gaps and zoom for the CPU to enlarge.
    drawn: Display,
    /// Its pixels: `[canvas_height, row]` words; none before the first [`Self::resize`].
    pixels: Option<Buffer>,
    /// What draws a buffer with a gain; all that were asked for since the last [`Self::resize`].
    plans: Vec<(Buffer, f32, Rc<Plan>)>,
}

impl Screen {
    /// A way to paint `gpu`'s buffers on `canvas`.
    ///
    /// # Errors
    /// If the adapter cannot paint there.
    pub(super) fn open(gpu: &Gpu, canvas: web_sys::HtmlCanvasElement) -> Result<Self> {
        let context = &gpu.context;
        let painter = if context.adapter().cpu {
            Painter::Copied(Copied::new(context, &canvas)?)
        } else {
            let target = wgpu::SurfaceTarget::Canvas(canvas.clone());
            let surface = gpu.instance.create_surface(target).map_err(|e| {
                Error::new(ErrorKind::NoAdapter, format!("this canvas cannot be drawn on with WebGPU: {e}"))
            })?;
            Painter::Presented(Presented::new(context, surface))
        };
        let bgra = matches!(&painter, Painter::Presented(painter) if painter.is_bgra());
        Ok(Self {
            gpu: context.clone(),
            canvas,
            most: context.device().limits().max_texture_dimension_2d,
            painter,
            params: Display { bgra: bgra.into(), ..Display::default() },
            drawn: Display::default(),
            pixels: None,
            plans: Vec::new(),
        })
    }

    /// Sets the grid of `samples` pictures and the canvas's size to a whole multiple of it.
    ///
    /// # Errors
    /// If the canvas's pixels do not fit a buffer.
    pub(super) fn resize(
        &mut self,
        [height, width, channels]: [u32; 3],
        samples: u32,
        stride: u32,
    ) -> Result<()> {
        let columns = columns(samples);
        let rows = samples.div_ceil(columns);
        let largest = (self.most / (rows * height).max(columns * width)).max(1);
        let zoom = (TARGET_WIDTH / (columns * width)).clamp(1, largest);
        let gap = if columns * width * zoom >= 240 { 4 } else { 1 };
        let side = |cells: u32, size: u32| (cells * (size * zoom + gap) - gap).clamp(1, self.most);
        let canvas_width = side(columns, width);
        let canvas_height = side(rows, height);
        self.params = Display {
            columns,
            samples,
            width,
            height,
            zoom,
            gap,
            channels,
            stride,
            canvas_width,
            canvas_height,
            row: canvas_width.next_multiple_of(ROW_PIXELS),
            ..self.params
        };
        self.drawn = match self.painter {
            Painter::Presented(_) => self.params,
            Painter::Copied(_) => Display {
                zoom: 1,
                gap: 0,
                canvas_width: columns * width,
                canvas_height: rows * height,
                row: columns * width,
                ..self.params
            },
        };
        let pixels = u64::from(self.drawn.row) * u64::from(self.drawn.canvas_height);
        let pixels = self.gpu.buffer("canvas", pixels)?;
        self.canvas.set_width(canvas_width);
        self.canvas.set_height(canvas_height);
        self.plans.clear();
        if let Painter::Presented(painter) = &self.painter {
            painter.configure(&self.params);
        }
        self.pixels = Some(pixels);
        Ok(())
    }

    /// Draws the pictures in `values`, times `gain`.
    ///
    /// # Errors
    /// If the kernel cannot be recorded.
    pub(super) fn draw(&mut self, values: &Buffer, gain: f32) -> Result<()> {
        let Some(pixels) = self.pixels.clone() else { return Ok(()) };
        let plan = self.plan(values, gain, &pixels)?;
        match &self.painter {
            Painter::Presented(painter) => painter.paint(&plan, &pixels, &self.params),
            Painter::Copied(painter) => {
                painter.paint(Frame { plan, pixels, drawn: self.drawn, shown: self.params })
            }
        }
        Ok(())
    }

    fn plan(&mut self, values: &Buffer, gain: f32, pixels: &Buffer) -> Result<Rc<Plan>> {
        let known = self.plans.iter().find(|(buffer, at_gain, _)| buffer.is(values) && *at_gain == gain);
        if let Some((.., plan)) = known {
            return Ok(plan.clone());
        }
        let mut rec = Recorder::new(&self.gpu);
        display::record(&mut rec, &Display { gain, ..self.drawn }, values, pixels)?;
        let plan = Rc::new(rec.finish());
        self.plans.push((values.clone(), gain, plan.clone()));
        Ok(plan)
    }
}

/// A grid that is as square as it can be.
fn columns(samples: u32) -> u32 {
    (1..=samples.max(1)).find(|c| c * c >= samples).unwrap_or(1)
}
