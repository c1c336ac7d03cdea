//! `ddpm info`: what this machine and a model are.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use ddpm::checkpoint::Checkpoint;
use ddpm::error::{Error, ErrorKind, Result};
use ddpm::gpu::{AdapterSummary, GpuContext, Level, Offers, Team, Tile};
use ddpm::graph::unet;
use ddpm::ops::Network;

use crate::device::Device;
use crate::{Outcome, model};

/// Show the adapters of this machine, and what a model is and needs.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  ddpm info\n  ddpm info --model fashion-mnist-reference")]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
}

pub fn run(args: &Args, device: &Device) -> Outcome {
    // Read before it is measured, so that a bad model is refused at once.
    let model = match &args.model {
        Some(path) => Some((path, model::load(path)?)),
        None => None,
    };
    let mut text = adapters(device)?;
    if let Some((path, checkpoint)) = &model {
        text += &describe_model(path, checkpoint, device)?;
    }
    Ok(text)
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "    {key:<12}{value}");
}

/// A table of the adapters, or of those whose name contains what `device` asks for.
fn adapters(device: &Device) -> Result<String> {
    let wanted = device.adapter.as_deref();
    let processor = GpuContext::from_processor(device.processor()?);
    let mut found = pollster::block_on(GpuContext::adapters());
    // With the threads that are asked for.
    found.retain(|adapter| adapter.offers.is_some());
    found.push(processor.adapter().clone());
    let names: Vec<String> = found.iter().map(|adapter| adapter.name.clone()).collect();
    let mut text = format!("ddpm {}\n\nadapters\n", env!("CARGO_PKG_VERSION"));
    if let Some(wanted) = wanted {
        found.retain(|adapter| adapter.name.to_lowercase().contains(&wanted.to_lowercase()));
        if found.is_empty() {
            let message = format!("no adapter's name contains {wanted:?}; found: {}", names.join(", "));
            return Err(Error::new(ErrorKind::NoAdapter, message));
        }
    }
    let chosen = pollster::block_on(GpuContext::request(wanted)).ok();
    for adapter in &found {
        let is_chosen = chosen.as_ref().is_some_and(|gpu| {
            gpu.adapter().name == adapter.name && gpu.adapter().backend == adapter.backend
        });
        let _ = writeln!(text, "  {}{}", adapter.name, if is_chosen { " (chosen)" } else { "" });
        match &adapter.offers {
            Some(offers) => describe_adapter(&mut text, adapter, offers),
            None => describe_processor(&mut text, adapter),
        }
    }
    Ok(text)
}

fn describe_processor(text: &mut String, adapter: &AdapterSummary) {
    line(text, "backend", &format!("{}; {}", adapter.backend, adapter.driver));
    let units: Vec<String> =
        Level::all().iter().map(|level| format!("{} ({} of f32)", level.name(), level.lanes())).collect();
    line(text, "vectors", &format!("{}; DDPM_SIMD=NAME takes another than the last", units.join(", ")));
    line(text, "cores", &format!("{}; --threads N takes another number", Team::cores()));
}

fn describe_adapter(text: &mut String, adapter: &AdapterSummary, offers: &Offers) {
    let cpu = if adapter.cpu { ", on the CPU" } else { "" };
    line(text, "backend", &format!("{}{cpu}; {}", adapter.backend, adapter.driver));
    let limits = &offers.limits;
    line(
        text,
        "limits",
        &format!(
            "buffer {}, storage binding {}, {} storage buffers a stage, workgroup memory {} KiB, {} invocations a \
             workgroup, textures of {} pixels a side",
            bytes(limits.max_buffer_size),
            bytes(limits.max_storage_buffer_binding_size),
            limits.max_storage_buffers_per_shader_stage,
            limits.max_compute_workgroup_storage_size >> 10,
            limits.max_compute_invocations_per_workgroup,
            limits.max_texture_dimension_2d
        ),
    );
    let offered = [
        (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        (wgpu::Features::SHADER_F16, "f16"),
        (wgpu::Features::SUBGROUP, "subgroups"),
    ];
    let offered: Vec<&str> = offered
        .into_iter()
        .filter(|(feature, _)| offers.features.contains(*feature))
        .map(|(_, name)| name)
        .collect();
    let none = "none of timestamps, f16 and subgroups".to_owned();
    line(text, "features", &if offered.is_empty() { none } else { offered.join(", ") });
    if offers.features.contains(wgpu::Features::SUBGROUP) {
        let [least, most] = offers.subgroup_sizes;
        let size = if least == most { least.to_string() } else { format!("{least} to {most}") };
        line(text, "subgroups", &format!("of {size} invocations"));
    }
    line(text, "matrices", &matrices(offers));
    let tile = match pollster::block_on(GpuContext::request(Some(&adapter.name))) {
        Ok(gpu) => tile(gpu.tile()),
        Err(error) => error.to_string(),
    };
    line(text, "tile", &tile);
}

/// The cooperative matrices that the adapter offers.
fn matrices(offers: &Offers) -> String {
    let named = |scalar: wgpu::CooperativeScalarType| format!("{scalar:?}").to_lowercase();
    let offered = offers.cooperative_matrices.iter().map(|matrix| {
        let wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, .. } = matrix;
        format!("{m_size} x {n_size} x {k_size} of {}, sums in {}", named(*ab_type), named(*cr_type))
    });
    let offered: Vec<String> = offered.collect();
    if offered.is_empty() { "no cooperative ones".to_owned() } else { offered.join("; ") }
}

fn tile(tile: Tile) -> String {
    match tile {
        Tile::Naive => "one output an invocation".to_owned(),
        Tile::Workgroup { size } => format!("{size} x {size} in workgroup memory"),
        Tile::Processor => "the processor's own".to_owned(),
        Tile::Registers => "4 pixels x 16 channels in registers".to_owned(),
        Tile::Matrices { side, .. } => format!("matrices of {side} x {side} in f16, sums in f32"),
    }
}

/// A number of bytes for people.
fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 9999.5 { format!("{:.0} GiB", mib / 1024.0) } else { format!("{mib:.1} MiB") }
}

/// A whole number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|d| std::str::from_utf8(d).ok()).collect();
    groups.join(",")
}

/// What a model is and, measured on the adapter, needs.
fn describe_model(path: &Path, checkpoint: &Checkpoint, device: &Device) -> Result<String> {
    let (spec, diffusion) = (&checkpoint.unet, &checkpoint.diffusion);
    let graph = unet::describe(spec, spec.sample_size).map_err(|error| error.within(path.display()))?;
    let mut text = format!("\nmodel {}\n", path.display());
    line(&mut text, "class", "UNet2DModel");
    line(&mut text, "parameters", &grouped(graph.num_parameters()));
    line(
        &mut text,
        "FLOPs",
        &format!(
            "{:.3} GFLOP an image and step ({}), two for each multiply-add of direct convolutions, linear layers and \
             attention",
            graph.flops() as f64 / 1e9,
            grouped(graph.flops())
        ),
    );
    let [height, width] = spec.sample_size;
    let colours = match spec.in_channels {
        1 => "grey".to_owned(),
        3 => "RGB".to_owned(),
        channels => format!("{channels} channels"),
    };
    line(&mut text, "picture", &format!("{width} x {height}, {colours}"));
    line(&mut text, "classes", &classes(checkpoint));
    let config = diffusion.to_json()?;
    let named = |key: &str| config[key].as_str().unwrap_or("").to_owned();
    line(
        &mut text,
        "schedule",
        &format!(
            "T = {}, {}, beta {} to {}; predicts {}, variance {}, {}",
            diffusion.num_timesteps,
            diffusion.beta_schedule.name(),
            diffusion.beta_start,
            diffusion.beta_end,
            named("prediction_type"),
            named("variance_type"),
            if diffusion.clip_sample { "clipped" } else { "not clipped" }
        ),
    );
    let stored = stored(checkpoint);
    line(&mut text, "weights", &stored);
    let memory = memory(&graph, checkpoint, device);
    line(&mut text, "memory", &memory.unwrap_or_else(|error| format!("not measured: {error}")));
    Ok(text)
}

fn classes(checkpoint: &Checkpoint) -> String {
    let Some(rows) = checkpoint.unet.num_class_embeds else { return "none".to_owned() };
    let names = &checkpoint.metadata.class_names;
    let null = match checkpoint.metadata.null_class {
        Some(null) => format!(", null class {null}"),
        None => String::new(),
    };
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    format!("{rows} labels{null}{names}")
}

/// Bytes of the weights in the file, by precision.
fn stored(checkpoint: &Checkpoint) -> String {
    let weights = &checkpoint.weights;
    let mut total = 0;
    let mut kinds: Vec<&str> = Vec::new();
    for name in weights.names() {
        let (Some(shape), Some(precision)) = (weights.shape(name), weights.precision(name)) else { continue };
        total += (shape.iter().product::<usize>() * precision.bytes()) as u64;
        if !kinds.contains(&precision.name()) {
            kinds.push(precision.name());
        }
    }
    format!("{} bytes ({}), {}", grouped(total), bytes(total), kinds.join(" and "))
}

/// What the recorded network allocates, by building it.
fn memory(graph: &ddpm::graph::Graph, checkpoint: &Checkpoint, device: &Device) -> Result<String> {
    let gpu = device.gpu()?;
    let measured = |batch: u32| -> Result<String> {
        let before = gpu.counts().allocated_bytes;
        let network = Network::new(&gpu, graph, &checkpoint.weights, batch)?;
        let allocated = gpu.counts().allocated_bytes - before;
        drop(network);
        gpu.wait();
        gpu.check()?;
        Ok(bytes(allocated))
    };
    Ok(format!(
        "{} at batch 1, {} at batch 16, measured on {}",
        measured(1)?,
        measured(16)?,
        gpu.adapter().name
    ))
}
