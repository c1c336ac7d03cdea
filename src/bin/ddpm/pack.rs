//! `ddpm pack`: one file for the web.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ddpm::checkpoint::{Checkpoint, Precision};
use ddpm::error::{Error, Result};
use serde_json::Value;

use crate::{Outcome, model, output};

/// Pack a model into one .safetensors file, which the page loads.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    ddpm pack --model fashion-mnist-classes --class-names \"T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,\
    Bag,Ankle boot\" --null-class 10 --out fashion-mnist-classes.safetensors")]
pub struct Args {
    /// A diffusers folder or a packed .safetensors file.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,

    /// The file to write.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,

    /// How parameters are stored; f16 halves the file.
    #[arg(long, value_enum, default_value = "f16")]
    precision: PrecisionName,

    /// The names of the labels in order; the null class may be left out where it is the last.
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',')]
    class_names: Option<Vec<String>>,

    /// The label that stands for none, for classifier-free guidance.
    #[arg(long, value_name = "LABEL")]
    null_class: Option<u32>,

    /// A JSON file of what people should know: data, training, measures, licence.
    #[arg(long, value_name = "FILE.json")]
    card: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    F16,
    F32,
}

pub fn run(args: &Args) -> Outcome {
    output::check(&args.out, "safetensors", &[&args.model])?;
    let mut checkpoint = model::load(&args.model)?;
    if let Some(names) = &args.class_names {
        checkpoint.metadata.class_names = names.iter().map(|name| name.trim().to_owned()).collect();
    }
    model::set_null_class(&mut checkpoint, args.null_class)?;
    if let Some(card) = &args.card {
        checkpoint.metadata.card = Some(read_card(card)?);
    }
    let precision = match args.precision {
        PrecisionName::F16 => Precision::F16,
        PrecisionName::F32 => Precision::F32,
    };
    let bytes = checkpoint.to_bytes(precision)?;
    // What cannot be read again (a card too large, say) is not written.
    Checkpoint::from_bytes(bytes.clone())
        .map_err(|error| error.within(format!("{}: could not be read again", args.out.display())))?;
    output::write(&args.out, &bytes)?;
    Ok(format!(
        "{}: {} parameters in {}, {} bytes",
        args.out.display(),
        checkpoint.weights.parameters(),
        precision.name(),
        bytes.len()
    ))
}

fn read_card(path: &Path) -> Result<Value> {
    let refused = |why: String| Error::load(format!("{}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| refused(format!("cannot be read ({error})")))?;
    match serde_json::from_slice(&text) {
        Ok(card @ Value::Object(_)) => Ok(card),
        Ok(_) => Err(refused("expected a JSON object, found another value".to_owned())),
        Err(error) => Err(refused(format!("expected a JSON object, found text that is not JSON ({error})"))),
    }
}
