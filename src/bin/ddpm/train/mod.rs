//! `ddpm train`: from pictures to a model.

mod args;
mod folder;
mod metrics;
mod modes;
mod plot;
mod request;
mod samples;
mod session;
mod start;

use ddpm::checkpoint::Checkpoint;
use ddpm::dataset::files::{Source, Split};
use ddpm::dataset::{Dataset, Loader};
use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;
use ddpm::graph::{Graph, unet};
use ddpm::ops::tuning::chosen_methods;
use ddpm::train::{MemoryEstimate, RunConfig, SavedState, StateOrigin, Trainer};

pub use args::Args;
use folder::RunFolder;
use metrics::Metrics;
use request::Request;
use session::{End, Session};

use crate::device::{self, Device};
use crate::shell::quoted_path;
use crate::tuning::tuned_for_training;
use crate::work::advise;
use crate::{Outcome, interrupt, pictures};

/// GiB that a micro-batch is chosen to fit where nobody says.
const CPU_MEMORY: f64 = 4.0;
const GPU_MEMORY: f64 = 8.0;

pub fn run(args: &Args, device: &Device) -> Outcome {
    let folder = RunFolder::new(&args.out);
    let Request { mut config, init, saved } = Request::new(args, &folder)?;
    let (dataset, mut notes) = pictures::load(&config.data.dataset, &config.load_options(Split::Train))?;
    config.fit_classes(&dataset)?;
    let validation = load_validation(&config, &mut notes)?;
    let graph = unet::describe(&config.network, config.network.sample_size)?;

    let gpu = device.gpu()?;
    let estimate = MemoryEstimate::new(&graph, &gpu);
    if config.training.micro_batch == 0 {
        config.training.micro_batch = micro_batch(&config, &estimate, &gpu, args.training.memory)?;
    }
    let mut origin = StateOrigin {
        config: config.to_toml()?,
        pictures: dataset.num_pictures(),
        adapter: device::origin(&gpu),
        tile: format!("{:?}", gpu.tile()),
        methods: Vec::new(),
    };
    let state = match &saved {
        Some(saved) => read_state(&folder, &graph, (saved, &config), &origin, args.force)?,
        None => None,
    };
    let micro_batch = config.training.micro_batch;
    let gpu = match &state {
        Some(saved) => saved.origin.methods_on(&gpu),
        None => tuned_for_training(&gpu, &config.network, micro_batch)?,
    };
    origin.methods = chosen_methods(&gpu, &graph, micro_batch);
    let (checkpoint, said) = start::checkpoint(&config, &graph, &dataset, init.as_ref())?;
    notes.extend(said);
    let mut trainer = trainer(&gpu, &checkpoint, &config)?;
    let pending = match state {
        Some(saved) => {
            trainer.restore(&saved.state)?;
            saved.pending
        }
        None => Vec::new(),
    };
    notes.push(summary(&config, &dataset, &trainer, &graph, &estimate));
    let loader = Loader::new(dataset.into(), config.loader_options())?;

    folder.prepare(&config)?;
    let steps = trainer.steps_done();
    let metrics = Metrics::open(folder.metrics(), steps)?;
    let mut session =
        Session { trainer, config: &config, folder: &folder, origin, loader, validation, metrics, pending };
    if steps == 0 {
        // A run that is killed before its first state goes on from its very beginning.
        session.save()?;
    }
    for note in notes {
        // Notes that nobody can read do not matter.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("ddpm train: {note}\n").as_bytes());
    }
    interrupt::listen("train")?;
    let end = session.run().map_err(advise("--micro-batch"))?;
    let steps = session.trainer.steps_done();
    if end == End::Interrupted {
        return Err(Error::input(format!(
            "stopped after {steps} of {} steps, all saved; go on with: {}",
            config.training.steps,
            resume_command(&folder, device)
        ))
        .into());
    }
    Ok(format!("{}: {steps} steps, {} samples", folder.model().display(), folder.samples(steps).display()))
}

/// The pictures to validate on, if there are any.
fn load_validation(config: &RunConfig, notes: &mut Vec<String>) -> Result<Option<Dataset>> {
    let is_folder = matches!(config.data.dataset, Source::Folder(_));
    if is_folder && config.data.held_out == 0.0 {
        return Ok(None);
    }
    match pictures::load(&config.data.dataset, &config.load_options(Split::Test)) {
        Ok((dataset, skipped)) => {
            notes.extend(skipped);
            Ok(Some(dataset))
        }
        // A small folder may have none.
        Err(error) if is_folder => {
            notes.push(format!("no validation: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The largest micro-batch that fits what may be used.
fn micro_batch(
    config: &RunConfig,
    estimate: &MemoryEstimate,
    gpu: &GpuContext,
    memory: Option<f64>,
) -> Result<u32> {
    let gib = memory.unwrap_or(if gpu.adapter().cpu { CPU_MEMORY } else { GPU_MEMORY });
    let budget = (gib * f64::from(1 << 30)) as u64;
    estimate.micro_batch(config.training.batch_size, budget, gpu.largest_buffer())
}

/// The state in `folder`, if it is there, checked against what is wanted: `wanted` and `origin`.
fn read_state(
    folder: &RunFolder,
    graph: &Graph,
    (saved, wanted): (&RunConfig, &RunConfig),
    origin: &StateOrigin,
    force: bool,
) -> Result<Option<SavedState>> {
    let refused = |difference: String| {
        let folder = folder.path().display();
        Err(Error::input(format!(
            "{folder}: to go on as if never stopped, {difference}; --force goes on all the same"
        )))
    };
    if !force && let Some(difference) = saved.difference(wanted)? {
        return refused(difference);
    }
    if !folder.state().is_file() {
        return Ok(None);
    }
    let state = SavedState::read(&folder.state(), graph)?;
    if state.state.steps_done > wanted.training.steps {
        let (expected, found) = (state.state.steps_done, wanted.training.steps);
        return Err(Error::input(format!(
            "--steps: expected {expected} at least, as many are done, found {found}"
        )));
    }
    let pairs = [
        ("pictures", state.origin.pictures.to_string(), origin.pictures.to_string()),
        ("adapter", state.origin.adapter.clone(), origin.adapter.clone()),
        ("tile", state.origin.tile.clone(), origin.tile.clone()),
    ];
    match pairs.into_iter().find(|(_, expected, found)| expected != found) {
        Some((what, expected, found)) if !force => {
            refused(format!("{what}: expected {expected}, found {found}"))
        }
        _ => Ok(Some(state)),
    }
}

fn trainer(gpu: &GpuContext, checkpoint: &Checkpoint, config: &RunConfig) -> Result<Trainer> {
    let trainer = Trainer::new(gpu, checkpoint, &config.training).map_err(advise("--micro-batch"))?;
    gpu.check().map_err(advise("--micro-batch"))?;
    Ok(trainer)
}

/// What is about to be trained, on what, and what it takes.
fn summary(
    config: &RunConfig,
    dataset: &Dataset,
    trainer: &Trainer,
    graph: &Graph,
    estimate: &MemoryEstimate,
) -> String {
    let [channels, height, width] = dataset.shape();
    let classes = match config.data.classes {
        true => format!(", {} classes", dataset.class_names().len()),
        false => String::new(),
    };
    let training = &config.training;
    format!(
        "{} pictures of {}, {width} x {height}, {}{classes}; {:.3} million parameters, {:.3} GFLOP a picture; {} steps of \
         {} in micro-batches of {}; {} MiB on {} ({} estimated)",
        dataset.num_pictures(),
        pictures::name(&config.data.dataset),
        if channels == 1 { "grey" } else { "RGB" },
        graph.num_parameters() as f64 / 1e6,
        graph.flops() as f64 / 1e9,
        training.steps,
        training.batch_size,
        training.micro_batch,
        trainer.gpu_bytes() >> 20,
        trainer.gpu().adapter().name,
        estimate.bytes(training.micro_batch) >> 20,
    )
}

/// The command that goes on with the run in `folder`.
fn resume_command(folder: &RunFolder, device: &Device) -> String {
    format!("ddpm train --out {} --resume{}", quoted_path(folder.path()), device.options())
}
