//! `ddpm`, the native command: one file a verb.
//!
//! A verb's `run` returns what is said on standard output; a failure is one sentence on standard error, and exit
//! status 1, or 2 where the command line itself makes no sense. Files are written whole or not at all.

mod batches;
mod chain;
mod debug;
mod device;
mod edit;
mod eval;
mod export;
mod info;
mod interpolate;
mod interrupt;
mod latents;
mod layout;
mod model;
mod neighbours;
mod noise;
mod output;
mod pack;
mod pictures;
mod progress;
mod progressive;
mod sample;
mod sets;
mod shell;
mod tensors;
mod times;
mod train;
mod tuning;
mod work;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use ddpm::error::Error;
use device::Device;

/// Denoising Diffusion Probabilistic Models on WebGPU.
#[derive(Parser)]
#[command(
    name = "ddpm",
    version,
    arg_required_else_help = false,
    after_help = "Examples:\n  \
        ddpm info\n  \
        ddpm sample --model fashion-mnist.safetensors --sampler ddim --steps 50 --out grid.png\n\n\
        Each verb's --help has an example of its own.\n\n\
        Environment:\n  \
        DDPM_TUNING=on|off|auto  Measure which kernels are the fastest, once an adapter, and keep it in the user's \
        cache; auto does on GPUs\n  \
        DDPM_SIMD=NAME           Use this vector unit of the processor rather than its widest; ddpm info lists them"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    device: Device,
}

#[derive(Subcommand)]
enum Verb {
    Sample(Box<sample::Args>),
    Edit(Box<edit::Args>),
    Interpolate(Box<interpolate::Args>),
    Progressive(Box<progressive::Args>),
    Latents(Box<latents::Args>),
    Train(Box<train::Args>),
    Eval(eval::Args),
    Noise(noise::Args),
    Neighbours(neighbours::Args),
    Info(info::Args),
    Pack(pack::Args),
    Export(export::Args),
    #[command(subcommand)]
    Debug(debug::Verb),
}

/// Why a verb did not do its work.
enum Failure {
    /// The command line makes no sense: exit status 2.
    Usage(String),
    /// Anything else: exit status 1.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a verb says on standard output.
type Outcome = Result<String, Failure>;

fn main() -> ExitCode {
    quieten_driver();
    std::panic::set_hook(Box::new(|panic| {
        complain(&format!("this is a defect in ddpm, please report it: {panic}"));
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let device = &cli.device;
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match &cli.verb {
        Verb::Sample(args) => sample::run(args, device),
        Verb::Edit(args) => edit::run(args, device),
        Verb::Interpolate(args) => interpolate::run(args, device),
        Verb::Progressive(args) => progressive::run(args, device),
        Verb::Latents(args) => latents::run(args, device),
        Verb::Train(args) => train::run(args, device),
        Verb::Eval(args) => eval::run(args, device),
        Verb::Noise(args) => noise::run(args, device),
        Verb::Neighbours(args) => neighbours::run(args),
        Verb::Info(args) => info::run(args, device),
        Verb::Pack(args) => pack::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Debug(debug::Verb::Predict(args)) => debug::predict::run(args, device),
        Verb::Debug(debug::Verb::Gradients(args)) => debug::gradients::run(args, device),
        Verb::Debug(debug::Verb::Shaders(_)) => debug::shaders::run(),
    }));
    match outcome {
        Ok(Ok(text)) => say(&text),
        Ok(Err(Failure::Error(error))) => {
            complain(&error.to_string());
            ExitCode::from(1)
        }
        Ok(Err(Failure::Usage(sentence))) => {
            complain(&format!("{sentence}; try --help"));
            ExitCode::from(2)
        }
        // The hook has said it.
        Err(_) => ExitCode::from(1),
    }
}

/// Mesa's layer that orders devices complains on standard error where there is no desktop to ask which it prefers. There
/// it has nothing to go by, unless its user says so, and is not loaded.
fn quieten_driver() {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    if ["XDG_RUNTIME_DIR", "MESA_VK_DEVICE_SELECT", "DRI_PRIME"].into_iter().all(unset) {
        // SAFETY: called first in main, when no other thread is there that could read the environment meanwhile.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// `text` on standard output; one that is closed early (`ddpm info | head`) is no failure.
fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!("standard output cannot be written ({error})"));
            ExitCode::from(1)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// `sentence` on standard error, as one line.
fn complain(sentence: &str) {
    // Where even this cannot be written, nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "ddpm: {}", one_line(sentence.lines()));
}

fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Help and version on standard output; a command line that cannot be read, in one line on standard error.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return say(&error.render().to_string());
    }
    let text = error.render().to_string();
    let paragraphs = text.split("\n\n").map(|paragraph| one_line(paragraph.lines()));
    let telling: Vec<String> = paragraphs
        .filter(|paragraph| {
            !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more information")
        })
        .collect();
    let sentence = telling.join("; ");
    complain(&format!("{}; try --help", sentence.trim_start_matches("error: ")));
    ExitCode::from(2)
}
