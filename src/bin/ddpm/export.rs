//! `ddpm export`: a folder for diffusers.

use std::path::PathBuf;

use ddpm::checkpoint::{Precision, folder};

use crate::{Outcome, model, output};

/// Write a model as a diffusers pipeline folder, in f32.
///
/// DDPMPipeline.from_pretrained and DDIMPipeline.from_pretrained read it. A pipeline that is already there is replaced.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ddpm export --model fashion-mnist.safetensors --out fashion-mnist")]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,

    /// The folder to write.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    output::check_pipeline(&args.out, &args.model)?;
    let checkpoint = model::load(&args.model)?;
    folder::save(&checkpoint, &args.out, Precision::F32)?;
    Ok(format!(
        "{}: a diffusers pipeline of {} parameters in {}",
        args.out.display(),
        checkpoint.weights.parameters(),
        Precision::F32.name()
    ))
}
