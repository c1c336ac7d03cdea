//! `Player`: a checkpoint, a chain and its canvas, behind a JavaScript class.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::display::Screen;
use super::error::to_js;
use super::gpu::Gpu;
use super::pacer::Pacer;
use super::snapshot::{Snapshot, Snapshots};
use super::task::next_task;
use super::{info, noise};
use crate::checkpoint::{Checkpoint, ParamShape};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::unet;
use crate::sampler::{Conditioning, Frames, Sampler};
use crate::self_test::SelfTest;
use crate::{ops, sampler};

/// Frames kept for scrubbing and films.
const MAX_FRAMES: u32 = 101;
/// And their memory.
const MAX_FRAME_BYTES: u64 = 64 << 20;
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
    snapshots: Snapshots,
    /// Steps done where it began: more than 0 if it was given an x_t.
    began: u32,
}

/// Denoises pictures on a canvas. Calls that return a promise must not overlap with any other.
#[wasm_bindgen]
pub struct Player {
    gpu: Gpu,
    on_progress: js_sys::Function,
    screen: Screen,
    checkpoint: Option<Checkpoint>,
    chain: Option<Chain>,
    view: View,
    /// Of the chain that the device was lost with.
    lost: Option<Snapshot>,
}

#[wasm_bindgen]
impl Player {
    /// Draws on `canvas` with `gpu`; `on_progress(phase, done, total)` hears of what `start` does.
    ///
    /// # Errors
    /// `no-webgpu`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        gpu: &Gpu,
        canvas: web_sys::HtmlCanvasElement,
        on_progress: js_sys::Function,
    ) -> std::result::Result<Player, JsValue> {
        Self::open(gpu, canvas, on_progress).map_err(to_js)
    }

    fn open(gpu: &Gpu, canvas: web_sys::HtmlCanvasElement, on_progress: js_sys::Function) -> Result<Self> {
        let screen = Screen::open(gpu, canvas)?;
        let view = View::named("x_t")?;
        Ok(Self { gpu: gpu.clone(), on_progress, screen, checkpoint: None, chain: None, view, lost: None })
    }

    /// Goes over to another device and canvas, with the model and the last snapshot of the chain: `start` can resume it.
    ///
    /// # Errors
    /// `no-webgpu`.
    pub fn reopen(
        &mut self,
        gpu: &Gpu,
        canvas: web_sys::HtmlCanvasElement,
    ) -> std::result::Result<(), JsValue> {
        if let Some(chain) = self.chain.take() {
            self.lost = chain.snapshots.into_last();
        }
        self.screen = Screen::open(gpu, canvas).map_err(to_js)?;
        self.gpu = gpu.clone();
        Ok(())
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

    /// Begins a chain: draws x_T, then compiles what is missing, one kernel a task, and checks what was never checked.
    /// `options` is `{count, seed, sampler, steps, eta, label, guidance, view, speed, x, t, resume}`; with `x`, `[count, C, H, W]`,
    /// the chain begins there, at its last step with at most `t` + 1 steps of noise; with `resume`, a seed, it goes on with its
    /// noise from the last snapshot before a lost device, if there is one.
    ///
    /// # Errors
    /// `input`, `limits`, `out-of-memory`, `self-test` or `device-lost`.
    pub async fn start(&mut self, options: JsValue) -> std::result::Result<(), JsValue> {
        self.begin(&options).await.map_err(to_js)
    }

    async fn begin(&mut self, options: &JsValue) -> Result<()> {
        let mut options = info::start_options(options)?;
        self.view = View::named(&options.view)?;
        self.chain = None;
        let lost = self.lost.take();
        if let (Some(seed), None) = (options.resume, &lost) {
            // Nothing to go on from: that seed's own chain.
            options.sampler.seed = seed;
        }
        let checkpoint = self.checkpoint.as_ref().ok_or_else(|| Error::input("no model is loaded"))?;
        let classes = checkpoint.unet.num_class_embeds.is_some();
        if !classes {
            // A label that was wished for an earlier model waits for the next that has classes.
            options.sampler.conditioning = Conditioning::default();
        }
        let gpu = &self.gpu.context;
        let (x, stride) = noise::draw(gpu, checkpoint, &options.sampler)?;
        let [height, width] = checkpoint.unet.sample_size;
        let shape = [height, width, checkpoint.unet.in_channels];
        self.screen.resize(shape, options.sampler.count, stride)?;
        if options.x.is_none() {
            self.screen.draw(&x, 1.0)?;
        }
        next_task().await;

        let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size)?;
        let kernels: Vec<_> = ops::kernels(&graph, gpu.tile())
            .into_iter()
            .chain(sampler::kernels(options.sampler.method))
            .filter(|key| !gpu.is_compiled(*key))
            .collect();
        for (key, done) in kernels.iter().zip(0..) {
            report(&self.on_progress, "kernels", done, kernels.len());
            gpu.compile_and_wait(*key).await?;
            next_task().await;
        }
        report(&self.on_progress, "self-test", 0, 0);
        self.gpu.check(SelfTest::of(options.sampler.method, classes)).await?;

        let memory = gpu.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let mut sampler = Sampler::new(gpu, checkpoint, &options.sampler)?;
        if let Some((x, t)) = &options.x {
            sampler.write_x(x, sampler.steps_before(*t))?;
        }
        let began = sampler.steps_done();
        let mut frames = Frames::new(&sampler, MAX_FRAMES, MAX_FRAME_BYTES)?;
        let mut encoder = gpu.encoder();
        frames.keep(&sampler, &mut encoder);
        gpu.submit(encoder);
        if memory.pop().await.is_some() {
            return Err(Error::new(
                ErrorKind::OutOfMemory,
                "the GPU has not the memory for so many pictures",
            ));
        }

        let snapshots = Snapshots::default();
        if let (Some(seed), Some(Snapshot { steps_done, words })) = (options.resume, lost) {
            sampler.restore(&words, steps_done);
            sampler.reseed(seed);
            let mut encoder = gpu.encoder();
            frames.keep(&sampler, &mut encoder);
            gpu.submit(encoder);
            snapshots.take(gpu, &sampler, true);
        }
        let mut pacer = Pacer::new(self.gpu.submitted.clone());
        pacer.set_limit(options.speed);
        self.chain = Some(Chain { sampler, frames, pacer, snapshots, began });
        self.draw();
        next_task().await;
        Ok(())
    }

    /// One turn of the frame loop, while `sharing` players have one: submits the steps that are due, and draws. Returns how many.
    pub fn tick(&mut self, now_ms: f64, sharing: u32) -> u32 {
        let due = self.chain.as_mut().map_or(0, |chain| chain.pacer.steps_due(now_ms, sharing));
        if due > 0 {
            self.advance(due);
        }
        due
    }

    /// One reverse step.
    pub fn step(&mut self) {
        self.advance(1);
    }

    fn advance(&mut self, steps: u32) {
        let gpu = &self.gpu.context;
        let Some(Chain { sampler, frames, pacer, snapshots, .. }) = &mut self.chain else { return };
        let mut encoder = gpu.encoder();
        let (before, kept) = (sampler.steps_done(), frames.kept().last().copied());
        for _ in 0..steps {
            if sampler.t().is_none() {
                break;
            }
            sampler.step(&mut encoder);
            frames.keep(sampler, &mut encoder);
        }
        gpu.submit(encoder);
        pacer.submitted(gpu.queue(), sampler.steps_done() - before);
        if frames.kept().last().copied() != kept {
            snapshots.take(gpu, sampler, true);
        }
        self.draw();
    }

    /// Back to the last kept frame at or before `steps_done`; returns the steps done there.
    pub fn seek(&mut self, steps_done: u32) -> u32 {
        let Some(Chain { sampler, frames, snapshots, .. }) = &mut self.chain else { return 0 };
        let at = frames.restore(sampler, steps_done).unwrap_or_else(|| sampler.steps_done());
        snapshots.take(&self.gpu.context, sampler, false);
        self.draw();
        at
    }

    /// From here on the noise is of another seed: another future of the same x_t.
    ///
    /// # Errors
    /// `input` if it is no seed.
    pub fn reseed(&mut self, seed: &str) -> std::result::Result<(), JsValue> {
        let seed = info::seed(seed).map_err(to_js)?;
        if let Some(Chain { sampler, snapshots, .. }) = &mut self.chain {
            sampler.reseed(seed);
            snapshots.take(&self.gpu.context, sampler, false);
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
    fn draw(&mut self) {
        if let Some(chain) = &self.chain {
            // Before the first step there is no prediction yet: x_t itself is shown.
            let began = chain.sampler.steps_done() <= chain.began;
            let view = if began { View { ix: 0, gain: 1.0 } } else { self.view };
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

    /// x_t, the predicted x_0 or the predicted noise (as in [`Self::set_view`]) as `[count, C, H, W]`; with `kept`, of the frame
    /// that was kept after so many steps.
    ///
    /// # Errors
    /// `input` or `device-lost`.
    pub async fn values(&self, view: String, kept: Option<u32>) -> std::result::Result<Vec<f32>, JsValue> {
        self.read(&view, kept).await.map_err(to_js)
    }

    async fn read(&self, view: &str, kept: Option<u32>) -> Result<Vec<f32>> {
        let Chain { sampler, frames, .. } = self.playing()?;
        let view_ix = View::named(view)?.ix;
        match kept {
            None => sampler.read_view(view_ix).await,
            Some(steps_done) => frames.read(sampler, steps_done, view_ix).await,
        }
    }

    /// The next step's factors of x̂_0, x_t and ε̂, and σ; empty at the end of the chain. σ is no number where it is the
    /// network's to say.
    pub fn coefficients(&self) -> Vec<f32> {
        let step = self.chain.as_ref().and_then(|chain| chain.sampler.coefficients());
        let learned = self.checkpoint.as_ref().is_some_and(|c| c.diffusion.variance_type.is_learned());
        step.map_or_else(Vec::new, |step| {
            let sigma = if learned { f32::NAN } else { step.sigma };
            vec![step.x_start_coef, step.x_t_coef, step.pred_noise_coef, sigma]
        })
    }

    fn playing(&self) -> Result<&Chain> {
        self.chain.as_ref().ok_or_else(|| Error::input("no chain was started"))
    }
}

fn report(on_progress: &js_sys::Function, phase: &str, done: usize, total: usize) {
    let (done, total) = (JsValue::from_f64(done as f64), JsValue::from_f64(total as f64));
    // A listener that throws does not stop the work.
    let _ = on_progress.call3(&JsValue::NULL, &phase.into(), &done, &total);
}
