//! Painting by a render pass that reads the chain's buffer, `shaders/display.wgsl`.

use super::Display;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{Buffer, GpuContext, Params, wgsl};

/// A canvas's surface, and the pass that draws on it.
pub(super) struct Presented {
    gpu: GpuContext,
    surface: wgpu::Surface<'static>,
    format: wgpu::TextureFormat,
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniform: wgpu::Buffer,
    bind_groups: Vec<(wgpu::Buffer, wgpu::BindGroup)>,
}

impl Presented {
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
            source: wgpu::ShaderSource::Wgsl(wgsl!("display").into()),
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
        Ok(Self { gpu: gpu.clone(), surface, format, pipeline, layout, uniform, bind_groups: Vec::new() })
    }

    /// A canvas of `[width, height]` pixels; the buffers drawn before are forgotten.
    pub(super) fn configure(&mut self, [width, height]: [u32; 2]) {
        self.bind_groups.clear();
        self.surface.configure(
            self.gpu.device(),
            &wgpu::SurfaceConfiguration {
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                format: self.format,
                color_space: wgpu::SurfaceColorSpace::default(),
                width,
                height,
                present_mode: wgpu::PresentMode::Fifo,
                desired_maximum_frame_latency: 2,
                alpha_mode: wgpu::CompositeAlphaMode::PreMultiplied,
                view_formats: vec![],
            },
        );
    }

    /// Draws the pictures in `values`; a canvas that has nowhere to draw is left as it is.
    pub(super) fn draw(&mut self, values: &Buffer, params: &Display) {
        let (wgpu::CurrentSurfaceTexture::Success(frame) | wgpu::CurrentSurfaceTexture::Suboptimal(frame)) =
            self.surface.get_current_texture()
        else {
            return;
        };
        let queue = self.gpu.queue();
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(params));
        let known = self.bind_groups.iter().position(|(buffer, _)| buffer == values.raw());
        let ix = known.unwrap_or_else(|| {
            let bind_group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("display"),
                layout: &self.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: self.uniform.as_entire_binding() },
                    wgpu::BindGroupEntry { binding: 1, resource: values.raw().as_entire_binding() },
                ],
            });
            self.bind_groups.push((values.raw().clone(), bind_group));
            self.bind_groups.len() - 1
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
            pass.set_bind_group(0, &self.bind_groups[ix].1, &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
        queue.present(frame);
    }
}
