//! `Player`: the device, a checkpoint, a chain and its canvas, behind a JavaScript class.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::display::Screen;
use super::error::to_js;
use super::pacer::Pacer;
use super::task::next_task;
use super::{info, noise};
use crate::checkpoint::{Checkpoint, ParamShape};
use crate::error::{Error, ErrorKind, Result};
use crate::film::Film;
use crate::gpu::GpuContext;
use crate::graph::unet;
use crate::picture::{Grid, Raster};
use crate::sampler::{Conditioning, Frames, Sampler};
use crate::{ops, sampler};

/// Frames kept for scrubbing and films.
const MAX_FRAMES: u32 = 101;
/// And their memory.
const MAX_FRAME_BYTES: u64 = 64 << 20;
/// How long a film shows a frame, and its last one, in hundredths of a second.
const FRAME_HUNDREDTHS: u16 = 6;
const LAST_FRAME_HUNDREDTHS: u16 = 200;
/// A film shows each pixel as so many by as many.
const FILM_SCALE: u32 = 4;
/// ε̂ and x_t are about normal: this much of their range is shown as black to white.
const NOISE_GAIN: f32 = 1.0 / 3.0;

/// Which tensor is shown.
#[derive(Clone, Copy, PartialEq)]
struct View {
    ix: usize,
    gain: f32,
}

impl View {
    fn named(name: &str) -> Result<Self> {
        match name {
            "x_t" => Ok(Self { ix: 0, gain: 1.0 }),
            "pred_x_start" => Ok(Self { ix: 1, gain: 1.0 }),
            "pred_noise" => Ok(Self { ix: 2, gain: NOISE_GAIN }),
            other => Err(Error::input(format!("view \"{other}\": expected x_t, pred_x_start or pred_noise"))),
        }
    }
}

struct Chain {
    sampler: Sampler,
    frames: Frames,
    pacer: Pacer,
}

/// Denoises pictures on a canvas. Calls that return a promise must not overlap with any other.
#[wasm_bindgen]
pub struct Player {
    gpu: GpuContext,
    on_progress: js_sys::Function,
    screen: Screen,
    checkpoint: Option<Checkpoint>,
    chain: Option<Chain>,
    view: View,
}

#[wasm_bindgen]
impl Player {
    /// Requests a device that can draw on `canvas`; `on_progress(phase, done, total)` hears of this and of `start`.
    ///
    /// # Errors
    /// `no-webgpu` or `limits`.
    pub async fn create(
        canvas: web_sys::HtmlCanvasElement,
        on_progress: js_sys::Function,
    ) -> std::result::Result<Player, JsValue> {
        report(&on_progress, "adapter", 0, 1);
        let player = Self::open(canvas, on_progress).await.map_err(to_js)?;
        report(&player.on_progress, "adapter", 1, 1);
        Ok(player)
    }

    async fn open(canvas: web_sys::HtmlCanvasElement, on_progress: js_sys::Function) -> Result<Self> {
        let unavailable = |e: &dyn std::fmt::Display| {
            Error::new(ErrorKind::NoAdapter, format!("this browser offers no WebGPU adapter: {e}"))
        };
        let navigator = js_sys::Reflect::get(&js_sys::global(), &"navigator".into());
        let gpu = navigator.and_then(|n| js_sys::Reflect::get(&n, &"gpu".into()));
        if !gpu.is_ok_and(|gpu| gpu.is_object()) {
            return Err(unavailable(&"navigator.gpu is missing"));
        }
        let (gpu, screen) = Screen::open(&canvas).await?;
        let view = View::named("x_t")?;
        Ok(Self { gpu, on_progress, screen, checkpoint: None, chain: None, view })
    }

    /// The adapter's name, or its backend where the browser hides it.
    pub fn adapter(&self) -> String {
        let adapter = self.gpu.adapter();
        match (adapter.name.is_empty(), adapter.cpu) {
            (false, _) => adapter.name.clone(),
            (true, true) => "a CPU adapter".to_owned(),
            (true, false) => "WebGPU".to_owned(),
        }
    }

    /// Reads a packed checkpoint; returns an object of what the page shows of it.
    ///
    /// # Errors
    /// `load`, with a sentence that says what is wrong with it.
    pub fn load(&mut self, bytes: Vec<u8>) -> std::result::Result<JsValue, JsValue> {
        self.read_checkpoint(bytes).map_err(to_js)
    }

    fn read_checkpoint(&mut self, bytes: Vec<u8>) -> Result<JsValue> {
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
        let shapes: Vec<ParamShape<'_>> =
            graph.params.iter().map(|p| ParamShape { name: &p.name, shape: &p.shape }).collect();
        checkpoint.check(&shapes)?;
        let info = info::model_info(&checkpoint)?;
        self.checkpoint = Some(checkpoint);
        self.chain = None;
        Ok(info)
    }

    /// Begins a chain: draws x_T, then compiles what is missing, one kernel a task. `options` is
    /// `{count, seed, sampler, steps, eta, label, guidance, view, speed}`.
    ///
    /// # Errors
    /// `input`, `limits`, `out-of-memory` or `device-lost`.
    pub async fn start(&mut self, options: JsValue) -> std::result::Result<(), JsValue> {
        self.begin(&options).await.map_err(to_js)
    }

    async fn begin(&mut self, options: &JsValue) -> Result<()> {
        let mut options = info::start_options(options)?;
        self.view = View::named(&options.view)?;
        self.chain = None;
        let checkpoint = self.checkpoint.as_ref().ok_or_else(|| Error::input("no model is loaded"))?;
        if checkpoint.unet.num_class_embeds.is_none() {
            // A label that was wished for an earlier model waits for the next that has classes.
            options.sampler.conditioning = Conditioning::default();
        }
        let (x, stride) = noise::draw(&self.gpu, checkpoint, &options.sampler)?;
        let [height, width] = checkpoint.unet.sample_size;
        let shape = [height, width, checkpoint.unet.in_channels];
        self.screen.resize(shape, options.sampler.count, stride)?;
        self.screen.draw(&x, 1.0)?;
        next_task().await;

        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
        let kernels: Vec<_> = ops::kernels(&graph, self.gpu.tile())
            .into_iter()
            .chain(sampler::kernels(options.sampler.method))
            .filter(|key| !self.gpu.is_compiled(*key))
            .collect();
        for (key, done) in kernels.iter().zip(0..) {
            report(&self.on_progress, "kernels", done, kernels.len());
            self.gpu.compile_and_wait(*key).await?;
            next_task().await;
        }
        report(&self.on_progress, "kernels", kernels.len(), kernels.len());
        let sampler = Sampler::new(&self.gpu, checkpoint, &options.sampler)?;
        let mut frames = Frames::new(&sampler, MAX_FRAMES, MAX_FRAME_BYTES)?;
        let mut encoder =
            self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        frames.keep(&sampler, &mut encoder);
        self.gpu.queue().submit([encoder.finish()]);
        let mut pacer = Pacer::new();
        pacer.set_limit(options.speed);
        self.chain = Some(Chain { sampler, frames, pacer });
        self.draw();
        next_task().await;
        self.gpu.check()
    }

    /// One turn of the frame loop: submits the steps that are due and draws. True when the chain is complete.
    pub fn tick(&mut self, now_ms: f64) -> bool {
        let Some(chain) = &mut self.chain else { return false };
        let due = chain.pacer.steps_due(now_ms);
        if due > 0 {
            self.advance(due);
        }
        self.chain.as_ref().is_some_and(|chain| chain.sampler.t().is_none())
    }

    /// One reverse step.
    pub fn step(&mut self) {
        self.advance(1);
    }

    fn advance(&mut self, steps: u32) {
        let Some(Chain { sampler, frames, .. }) = &mut self.chain else { return };
        let mut encoder =
            self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let before = sampler.steps_done();
        for _ in 0..steps {
            if sampler.t().is_none() {
                break;
            }
            sampler.step(&mut encoder);
            frames.keep(sampler, &mut encoder);
        }
        self.gpu.queue().submit([encoder.finish()]);
        self.draw();
        if let Some(Chain { sampler, pacer, .. }) = &mut self.chain {
            pacer.submitted(self.gpu.queue(), sampler.steps_done() - before);
        }
    }

    /// Back to the last kept frame at or before `steps_done`; returns the steps done there.
    pub fn seek(&mut self, steps_done: u32) -> u32 {
        let Some(Chain { sampler, frames, .. }) = &mut self.chain else { return 0 };
        let at = frames.restore(sampler, steps_done).unwrap_or_else(|| sampler.steps_done());
        self.draw();
        at
    }

    /// From here on the noise is of another seed: another future of the same x_t.
    ///
    /// # Errors
    /// `input` if it is no seed.
    pub fn reseed(&mut self, seed: &str) -> std::result::Result<(), JsValue> {
        let seed = info::seed(seed).map_err(to_js)?;
        if let Some(chain) = &mut self.chain {
            chain.sampler.reseed(seed);
        }
        Ok(())
    }

    /// Shows x_t, the predicted x_0 or the predicted noise.
    ///
    /// # Errors
    /// `input` if it is none of `x_t`, `pred_x_start`, `pred_noise`.
    pub fn set_view(&mut self, view: &str) -> std::result::Result<(), JsValue> {
        self.view = View::named(view).map_err(to_js)?;
        self.draw();
        Ok(())
    }

    /// At most so many steps a second; 0 for as many as the adapter can.
    pub fn set_speed(&mut self, steps_per_second: f64) {
        if let Some(chain) = &mut self.chain {
            chain.pacer.set_limit(steps_per_second);
        }
    }

    /// Draws the present frame again.
    pub fn draw(&mut self) {
        if let Some(chain) = &self.chain {
            // Before the first step there is no prediction yet: the noise itself is shown.
            let view = if chain.sampler.steps_done() == 0 { View { ix: 0, gain: 1.0 } } else { self.view };
            // What could fail did so when the noise was drawn.
            let _ = self.screen.draw(chain.sampler.views()[view.ix], view.gain);
        }
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.chain.as_ref().map_or(0, |chain| chain.sampler.steps_done())
    }

    /// Steps of the whole chain.
    pub fn steps_total(&self) -> u32 {
        self.chain.as_ref().map_or(0, |chain| chain.sampler.steps_total())
    }

    /// t of the next step; −1 at the end.
    pub fn t(&self) -> i32 {
        self.chain.as_ref().and_then(|chain| chain.sampler.t()).map_or(-1, |t| t as i32)
    }

    /// Steps a second, measured.
    pub fn steps_per_second(&self) -> f64 {
        self.chain.as_ref().map_or(0.0, |chain| chain.pacer.steps_per_second())
    }

    /// Steps done at each kept frame, ascending.
    pub fn kept(&self) -> Vec<u32> {
        self.chain.as_ref().map_or_else(Vec::new, |chain| chain.frames.kept().to_vec())
    }

    /// Pictures a row.
    pub fn columns(&self) -> u32 {
        self.screen.columns()
    }

    /// Rows of pictures.
    pub fn rows(&self) -> u32 {
        self.screen.rows()
    }

    /// The shown grid at the pictures' own resolution: RGBA, row-major.
    ///
    /// # Errors
    /// `device-lost`.
    pub async fn picture(&self) -> std::result::Result<Vec<u8>, JsValue> {
        self.rgba().await.map_err(to_js)
    }

    async fn rgba(&self) -> Result<Vec<u8>> {
        let chain = self.playing()?;
        let mut values = chain.sampler.read_view(self.view.ix).await?;
        values.iter_mut().for_each(|v| *v *= self.view.gain);
        let raster = self.raster(&values, 1)?;
        let grey = raster.channels == 1;
        let rgba = raster.pixels.chunks_exact(raster.channels as usize);
        Ok(rgba.flat_map(|p| if grey { [p[0], p[0], p[0], 255] } else { [p[0], p[1], p[2], 255] }).collect())
    }

    /// The kept frames as an animated GIF.
    ///
    /// # Errors
    /// `device-lost`.
    pub async fn film(&self) -> std::result::Result<Vec<u8>, JsValue> {
        self.kept_film().await.map_err(to_js)
    }

    async fn kept_film(&self) -> Result<Vec<u8>> {
        let chain = self.playing()?;
        let kept = chain.frames.kept();
        let mut film: Option<Film> = None;
        for &at in kept {
            let view = if at == 0 { View { ix: 0, gain: 1.0 } } else { self.view };
            let mut values = chain.frames.read(&chain.sampler, at, view.ix).await?;
            values.iter_mut().for_each(|v| *v *= view.gain);
            let raster = self.raster(&values, FILM_SCALE)?;
            let last = Some(&at) == kept.last();
            let film = match &mut film {
                Some(film) => film,
                None => film.insert(Film::new(&raster)?),
            };
            film.push(&raster, if last { LAST_FRAME_HUNDREDTHS } else { FRAME_HUNDREDTHS })?;
            next_task().await;
        }
        film.map(Film::finish).ok_or_else(|| Error::input("no frames are kept yet"))
    }

    fn raster(&self, values: &[f32], scale: u32) -> Result<Raster> {
        let chain = self.playing()?;
        let [height, width, channels] = chain.sampler.picture_shape();
        let grid = Grid::near_square(chain.sampler.count(), [channels, height, width]);
        Grid { scale, ..grid }.draw(values)
    }

    /// x_t as `[count, C, H, W]`.
    ///
    /// # Errors
    /// `device-lost`.
    pub async fn state(&self) -> std::result::Result<Vec<f32>, JsValue> {
        let chain = self.playing().map_err(to_js)?;
        chain.sampler.read_view(0).await.map_err(to_js)
    }

    fn playing(&self) -> Result<&Chain> {
        self.chain.as_ref().ok_or_else(|| Error::input("no chain was started"))
    }

    /// What went wrong since the last call, if anything: an `Error` with `type`.
    pub fn error(&self) -> Option<JsValue> {
        self.gpu.take_fault().map(to_js)
    }
}

fn report(on_progress: &js_sys::Function, phase: &str, done: usize, total: usize) {
    let (done, total) = (JsValue::from_f64(done as f64), JsValue::from_f64(total as f64));
    // A listener that throws does not stop the work.
    let _ = on_progress.call3(&JsValue::NULL, &phase.into(), &done, &total);
}
