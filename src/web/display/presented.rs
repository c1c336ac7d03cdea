//! Painting by a copy of the pixels into the canvas's texture.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::gpu::{Buffer, GpuContext, Plan};
use crate::ops::display::Display;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "gpu"], js_name = getPreferredCanvasFormat)]
    fn preferred_format() -> String;
}

/// A canvas's surface.
pub(super) struct Presented {
    gpu: GpuContext,
    surface: wgpu::Surface<'static>,
    format: wgpu::TextureFormat,
}

impl Presented {
    pub(super) fn new(gpu: &GpuContext, surface: wgpu::Surface<'static>) -> Self {
        // Browsers prefer one of two formats, and take both. The surface's capabilities say which too, but theirs is code for all
        // formats that there are.
        let format = match preferred_format().as_str() {
            "bgra8unorm" => wgpu::TextureFormat::Bgra8Unorm,
            _ => wgpu::TextureFormat::Rgba8Unorm,
        };
        Self { gpu: gpu.clone(), surface, format }
    }

    /// Whether a pixel's first byte is its blue.
    pub(super) fn is_bgra(&self) -> bool {
        self.format == wgpu::TextureFormat::Bgra8Unorm
    }

    /// A canvas of the size that `params` says.
    pub(super) fn configure(&self, params: &Display) {
        self.surface.configure(
            self.gpu.device(),
            &wgpu::SurfaceConfiguration {
                usage: wgpu::TextureUsages::COPY_DST,
                format: self.format,
                color_space: wgpu::SurfaceColorSpace::default(),
                width: params.canvas_width,
                height: params.canvas_height,
                present_mode: wgpu::PresentMode::Fifo,
                desired_maximum_frame_latency: 2,
                alpha_mode: wgpu::CompositeAlphaMode::PreMultiplied,
                view_formats: vec![],
            },
        );
    }

    /// Runs `plan`, which draws into `pixels`, and shows these; a canvas that has nowhere to draw is left as it is.
    pub(super) fn paint(&self, plan: &Plan, pixels: &Buffer, params: &Display) {
        let (wgpu::CurrentSurfaceTexture::Success(frame) | wgpu::CurrentSurfaceTexture::Suboptimal(frame)) =
            self.surface.get_current_texture()
        else {
            return;
        };
        let mut encoder = self.gpu.encoder();
        plan.encode(&self.gpu, &mut encoder);
        encoder.raw().copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo {
                buffer: pixels.raw(),
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(params.row * 4),
                    rows_per_image: None,
                },
            },
            frame.texture.as_image_copy(),
            wgpu::Extent3d {
                width: params.canvas_width,
                height: params.canvas_height,
                depth_or_array_layers: 1,
            },
        );
        self.gpu.submit(encoder);
        self.gpu.queue().present(frame);
    }
}
