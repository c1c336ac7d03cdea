//! Loading a model for a verb, and what people call its classes and sizes.

use std::path::Path;

use ddpm::checkpoint::{Checkpoint, ParamShape, folder};
use ddpm::error::{Error, Result};
use ddpm::graph::unet;

/// The checkpoint at `path`, its weights exactly those that its configuration asks for.
pub fn load(path: &Path) -> Result<Checkpoint> {
    let checkpoint = folder::load(path)?;
    // The parameters' shapes do not depend on the pictures' size, and the smallest one always fits.
    let graph = unet::describe(&checkpoint.unet, [checkpoint.unet.size_multiple(); 2])
        .map_err(|error| error.within(path.display()))?;
    let parameters: Vec<ParamShape> =
        graph.params.iter().map(|param| ParamShape { name: &param.name, shape: &param.shape }).collect();
    checkpoint.check(&parameters).map_err(|error| error.within(path.display()))?;
    Ok(checkpoint)
}

/// The model's name for people and for pictures' metadata: the last part of its path.
pub fn name(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The label that `text` means: a number, or the name of a class in any case.
pub fn label(checkpoint: &Checkpoint, text: &str) -> Result<u32> {
    let names = &checkpoint.metadata.class_names;
    let named = || names.iter().position(|name| name.to_lowercase() == text.to_lowercase());
    let Some(num_classes) = checkpoint.unet.num_class_embeds else {
        return Err(Error::input(format!(
            "--label {text}: expected a model with classes, found one without"
        )));
    };
    match text.parse().ok().or_else(|| named().and_then(|place| u32::try_from(place).ok())) {
        Some(label) if label < num_classes => Ok(label),
        _ if names.is_empty() => Err(Error::input(format!(
            "--label {text}: expected 0 to {}, the labels of this model",
            num_classes - 1
        ))),
        _ => Err(Error::input(format!(
            "--label {text}: expected 0 to {} or one of {}",
            num_classes - 1,
            names.join(", ")
        ))),
    }
}

/// Takes `null_class` for the label that means none, whatever the checkpoint says.
pub fn set_null_class(checkpoint: &mut Checkpoint, null_class: Option<u32>) -> Result<()> {
    if let Some(null_class) = null_class {
        let rows = checkpoint.unet.num_class_embeds.unwrap_or(0);
        if null_class >= rows {
            return Err(Error::input(format!(
                "--null-class {null_class}: expected one of the model's {rows} labels, counted from 0"
            )));
        }
        checkpoint.metadata.null_class = Some(null_class);
    }
    Ok(())
}

/// Reads `WxH` as height and width.
pub fn parse_size(text: &str) -> std::result::Result<[u32; 2], String> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|&side| side > 0);
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some([side(height)?, side(width)?]))
        .ok_or_else(|| "expected WxH in pixels, such as 64x32".to_owned())
}
