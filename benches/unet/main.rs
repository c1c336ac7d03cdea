//! `./build.sh bench`: what a device can do, this computer's processor or an adapter, and what each kernel, a U-Net's step, a
//! training step and a whole chain make of it; and PyTorch beside them where it is. Medians of several runs, with their spread;
//! FLOPs counted as direct convolutions, as `ddpm info` does.
//!
//! `--adapter` or `DDPM_ADAPTER` chooses the device, `PYTHON` the Python that may have torch and diffusers.

mod beside;
mod chain;
mod costs;
mod device;
mod kernels;
mod machine;
mod measure;
mod methods;
mod networks;
mod pytorch;
mod report;
mod roof;
mod steps;
mod tuned;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use ddpm::error::{Error, Result};
use serde::Serialize;

/// Pictures with which kernels are measured, and chains.
const BATCH: u32 = 16;
const CHAIN_BATCHES: [u32; 2] = [1, BATCH];

/// Measures the kernels, the networks and the chain on this machine's processor or GPU.
#[derive(Parser)]
#[command(
    bin_name = "./build.sh bench",
    after_help = "Examples: ./build.sh bench --parts chain,steps --step-seconds 20
          ./build.sh bench --adapter cpu --threads 2 --parts beside --beside llvmpipe"
)]
struct Options {
    #[command(flatten)]
    device: device::Device,
    /// What to measure beside the device's roofs; without, all of it
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Leave out batches of which one step would take longer
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    step_seconds: f64,
    /// Where the numbers go as JSON
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/unet.json"), value_name = "FILE")]
    json: PathBuf,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Every kernel of a step of sampling and of training
    Kernels,
    /// Steps of sampling and of training at several batch sizes, for two networks
    Steps,
    /// The methods for convolutions beside each other, on the reference network
    Methods,
    /// Whole chains: the GPU's time against the clock on the wall
    Chain,
    /// The adapter of --beside on the same steps, in turns
    Beside,
    /// PyTorch on the same networks, in turns
    Pytorch,
}

#[derive(Serialize)]
struct Report {
    machine: machine::Machine,
    load_after: Option<f64>,
    roofs: roof::Roofs,
    kernels: Vec<kernels::Row>,
    steps: Vec<steps::Row>,
    methods: Vec<methods::Row>,
    compiled: Vec<methods::Compiled>,
    chains: Vec<chain::Row>,
    beside: Vec<beside::Row>,
    pytorch: Vec<pytorch::Row>,
}

fn main() {
    let options = Options::parse();
    if let Err(error) = measure(&options) {
        eprintln!("bench: {error}");
        std::process::exit(1);
    }
}

fn measure(options: &Options) -> Result<()> {
    let wanted = |part| options.parts.is_empty() || options.parts.contains(&part);
    let gpu = options.device.gpu()?;
    let other = options.device.other()?;
    if other.is_none() && options.parts.contains(&Part::Beside) {
        return Err(Error::input("--parts beside: expected --beside ADAPTER too"));
    }
    let machine = machine::Machine::of(&gpu);
    println!("{}\n", machine.words());

    let roofs = roof::measure(&gpu)?;
    println!("{}", roofs.table());
    let (reference, cifar10) = (networks::reference()?, networks::cifar10()?);

    let mut kernels = Vec::new();
    if wanted(Part::Kernels) {
        kernels = kernels::rows(&gpu, &reference, BATCH)?;
        println!("{}", kernels::table(&reference, BATCH, &kernels, &roofs));
    }
    let mut chains = Vec::new();
    if wanted(Part::Chain) {
        for batch in CHAIN_BATCHES {
            chains.push(chain::row(&gpu, &reference, batch)?);
        }
        println!("{}", chain::table(&chains));
    }
    let mut all_steps = Vec::new();
    if wanted(Part::Steps) {
        for network in [&reference, &cifar10] {
            for work in [steps::Work::Sampling, steps::Work::Training] {
                let rows = steps::rows(&gpu, network, work, options.step_seconds)?;
                println!("{}", steps::table(network, work, &rows, &roofs));
                all_steps.extend(rows);
            }
        }
    }
    let (mut all_methods, mut compiled) = (Vec::new(), Vec::new());
    if wanted(Part::Methods) && gpu.processor().is_some() {
        println!("Methods for convolutions: the processor's kernels choose their own\n");
    } else if wanted(Part::Methods) {
        compiled = methods::compiled(&gpu)?;
        println!("{}", methods::compile_table(&compiled));
        all_methods = methods::rows(&gpu, &reference)?;
        println!("{}", methods::table(&reference, &all_methods));
    }
    let mut all_beside = Vec::new();
    if let Some(other) = other.as_ref().filter(|_| wanted(Part::Beside)) {
        for network in [&reference, &cifar10] {
            let mut rows = Vec::new();
            for work in [steps::Work::Sampling, steps::Work::Training] {
                rows.extend(beside::rows(&gpu, other, network, work, options.step_seconds)?);
            }
            println!("{}", beside::table(&gpu, other, network, &rows));
            all_beside.extend(rows);
        }
    }
    let mut pytorch = Vec::new();
    if wanted(Part::Pytorch) {
        for network in pytorch::networks(&gpu, [&reference, &cifar10]) {
            let rows = pytorch::rows(&gpu, network)?;
            if !rows.is_empty() {
                println!("{}", pytorch::table(network, &rows));
            }
            pytorch.extend(rows);
        }
    }
    let load_after = machine::load();
    let report = Report {
        machine,
        load_after,
        roofs,
        kernels,
        steps: all_steps,
        methods: all_methods,
        compiled,
        chains,
        beside: all_beside,
        pytorch,
    };
    report::write(&report, &options.json)
        .map_err(|error| Error::input(format!("{}: {error}", options.json.display())))?;
    println!("load {} at the end; {} has every run", load_after.unwrap_or(f64::NAN), options.json.display());
    Ok(())
}
