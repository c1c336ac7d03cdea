//! Drawing: a render pass that reads the chain's buffer, `shaders/display.wgsl`.

use std::collections::HashMap;

use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, Params, params};

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

/// A canvas, and what is drawn on it.
pub(super) struct Screen {
    gpu: GpuContext,
    surface: wgpu::Surface<'static>,
    format: wgpu::TextureFormat,
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    params: Display,
    uniform: wgpu::Buffer,
    bind_groups: HashMap<wgpu::Buffer, wgpu::BindGroup>,
}

impl Screen {
    pub(super) fn new(
        gpu: &GpuContext,
        surface: wgpu::Surface<'static>,
        adapter: &wgpu::Adapter,
    ) -> Result<Self> {
        let formats = surface.get_capabilities(adapter).formats;
        let format = formats.iter().copied().find(|f| !f.is_srgb()).or_else(|| formats.first().copied());
        let format =
            format.ok_or_else(|| Error::new(ErrorKind::NoAdapter, "the adapter cannot draw on a canvas"))?;
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("display"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/display.wgsl").into()),
        });
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("display"),
            entries: &[
                entry(0, wgpu::BufferBindingType::Uniform),
                entry(1, wgpu::BufferBindingType::Storage { read_only: true }),
            ],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("display"),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("display"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("triangle"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("grid"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("display"),
            size: Display::LAYOUT.size as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Ok(Self {
            gpu: gpu.clone(),
            surface,
            format,
            pipeline,
            layout,
            params: Display::default(),
            uniform,
            bind_groups: HashMap::new(),
        })
    }

    /// Sets the grid of `samples` pictures and the canvas's size to a whole multiple of it.
    pub(super) fn resize(
        &mut self,
        canvas: &web_sys::HtmlCanvasElement,
        [height, width, channels]: [u32; 3],
        samples: u32,
        stride: u32,
    ) {
        let columns = columns(samples);
        let rows = samples.div_ceil(columns);
        let most = self.gpu.device().limits().max_texture_dimension_2d;
        let zoom = (TARGET_WIDTH / (columns * width)).max(1).min((most / (rows * height).max(columns * width)).max(1));
        let gap = if columns * width * zoom >= 240 { 4 } else { 1 };
        self.params =
            Display { columns, samples, width, height, zoom, gap, channels, stride, gain: 1.0, ..self.params };
        let side = |cells: u32, size: u32| (cells * (size * zoom + gap) - gap).clamp(1, most);
        canvas.set_width(side(columns, width));
        canvas.set_height(side(rows, height));
        self.bind_groups.clear();
        self.surface.configure(
            self.gpu.device(),
            &wgpu::SurfaceConfiguration {
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                format: self.format,
                color_space: wgpu::SurfaceColorSpace::default(),
                width: canvas.width(),
                height: canvas.height(),
                present_mode: wgpu::PresentMode::Fifo,
                desired_maximum_frame_latency: 2,
                alpha_mode: wgpu::CompositeAlphaMode::PreMultiplied,
                view_formats: vec![],
            },
        );
    }

    pub(super) fn columns(&self) -> u32 {
        self.params.columns
    }

    pub(super) fn rows(&self) -> u32 {
        self.params.samples.div_ceil(self.params.columns)
    }

    /// Draws the pictures in `values` with `gain`; a canvas that has nowhere to draw is left as it is.
    pub(super) fn draw(&mut self, values: &Buffer, gain: f32) {
        let (wgpu::CurrentSurfaceTexture::Success(frame) | wgpu::CurrentSurfaceTexture::Suboptimal(frame)) =
            self.surface.get_current_texture()
        else {
            return;
        };
        let queue = self.gpu.queue();
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&Display { gain, ..self.params }));
        let bind_group = self.bind_groups.entry(values.raw().clone()).or_insert_with(|| {
            self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("display"),
                layout: &self.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: self.uniform.as_entire_binding() },
                    wgpu::BindGroupEntry { binding: 1, resource: values.raw().as_entire_binding() },
                ],
            })
        });
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder =
            self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("display"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &*bind_group, &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
        queue.present(frame);
    }
}

/// A grid that is as square as it can be.
pub(super) fn columns(samples: u32) -> u32 {
    (1..=samples.max(1)).find(|c| c * c >= samples).unwrap_or(1)
}
