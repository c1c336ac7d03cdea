//! Another system and ours on the same layers, on the same device, in turns: what the binaries of `../run.sh` share.
//!
//! Both get the same weights and inputs, and their answers are compared before anything is timed.

mod compare;
mod layers;
mod ours;
mod turns;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ddpm::checkpoint::Weights;
use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;

pub use layers::{EPSILON, GROUPS, Kind, Layer};

/// Measures another system and ours.
#[derive(Parser)]
struct Options {
    /// Compute on the first adapter whose name contains this, or on the processor: cpu [default: a GPU if the other system takes
    /// one, or else the processor]
    #[arg(long, value_name = "SUBSTRING")]
    adapter: Option<String>,
    /// Threads of the processor, for both
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Runs of each, in turns
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Where the numbers go as JSON, a file for each peer
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers"), value_name = "FOLDER")]
    json: PathBuf,
}

/// Another system's layer.
pub trait Peer: Sized {
    /// What it is called, as in Cargo.lock.
    const CRATE: &'static str;
    /// Whether it computes gradients.
    const BACKWARD: bool;
    /// Whether it computes on adapters too, and not on the processor alone.
    const ADAPTERS: bool;

    /// What it computes on where ours computes on `gpu`, for people.
    fn device(gpu: &GpuContext) -> String;

    /// A layer with these weights, its input, and the gradient of what comes out, both `[batch, C, H, W]`.
    ///
    /// # Errors
    /// If it cannot be made.
    fn new(gpu: &GpuContext, layer: &Layer, weights: &Weights, given: [&[f32]; 2]) -> Result<Self>;

    /// Evaluates it so often, and waits.
    ///
    /// # Errors
    /// If it cannot be computed.
    fn forward(&self, times: u32) -> Result<()>;

    /// The same with the gradients of the input and of all parameters, which need not be possible apart.
    ///
    /// # Errors
    /// As [`Self::forward`].
    fn forward_and_backward(&self, times: u32) -> Result<()>;

    /// The output, and the gradients of the input and of the last weights if there are any.
    ///
    /// # Errors
    /// As [`Self::forward`].
    fn answers(&self) -> Result<Vec<Vec<f32>>>;
}

/// The whole program of a peer.
pub fn run<P: Peer>() -> ExitCode {
    let options = Options::parse();
    // Burn and candle compute on rayon's pool for the whole process, which looks there when it starts.
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", options.threads.to_string()) };
    match options.gpu(P::ADAPTERS).and_then(|gpu| compare::measure::<P>(&options, &gpu)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", P::CRATE);
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// Our device; without `adapters` it must be the processor.
    fn gpu(&self, adapters: bool) -> Result<GpuContext> {
        let name = self.adapter.as_deref().or((!adapters).then_some("cpu"));
        let gpu = pollster::block_on(GpuContext::request_with(name, Some(self.threads.into())))?;
        if adapters || gpu.processor().is_some() {
            return Ok(gpu);
        }
        Err(Error::input(format!("--adapter: expected cpu, found {}", gpu.adapter().name)))
    }
}
