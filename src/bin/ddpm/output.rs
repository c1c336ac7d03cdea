//! Files that verbs write: looked at before the work, written whole after it.

use std::path::{Path, PathBuf};

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, Result};
use ddpm::picture::Raster;

use super::Failure;

/// Checks that `path` can be a file of the kind `extension`, before hours are spent on what it is to hold, and that it
/// is none of the `inputs`.
pub fn check(path: &Path, extension: &str, inputs: &[&Path]) -> std::result::Result<(), Failure> {
    if path.extension().is_none_or(|found| !found.eq_ignore_ascii_case(extension)) {
        return Err(Failure::Usage(format!("{}: expected a name that ends in .{extension}", path.display())));
    }
    if path.is_dir() {
        return Err(
            Error::input(format!("{}: expected a file to write, found a folder", path.display())).into()
        );
    }
    check_parent(path)?;
    match inputs.iter().find(|input| same(path, input)) {
        Some(_) => {
            Err(Error::input(format!("{}: expected another file than the one that is read", path.display()))
                .into())
        }
        None => Ok(()),
    }
}

/// Checks that `path` can be a pipeline folder, other than the `model` that is read: it is one, or empty, or not there.
pub fn check_pipeline(path: &Path, model: &Path) -> Result<()> {
    let refused = |expected: &str, found: &str| {
        Err(Error::input(format!("{}: expected {expected}, found {found}", path.display())))
    };
    if same(path, model) {
        return refused("another folder than the one that is read", "the same");
    }
    if !path.exists() {
        return check_parent(path);
    }
    if !path.is_dir() {
        return refused("a folder to write", "a file");
    }
    let mut entries = std::fs::read_dir(path)
        .map_err(|error| Error::load(format!("{}: cannot be listed ({error})", path.display())))?;
    if entries.next().is_some() && !is_pipeline(path) {
        return refused("an empty folder, or a DDPM pipeline to replace", "other files in it");
    }
    Ok(())
}

/// Checks that `path` can be a folder of new files: it is not there, or empty.
pub fn check_new_folder(path: &Path) -> Result<()> {
    let found = match std::fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => return Ok(()),
            Some(_) => "files in it",
        },
        Err(_) if !path.exists() => return check_parent(path),
        Err(_) => "something that cannot be listed",
    };
    Err(Error::input(format!("{}: expected an empty folder or none, found {found}", path.display())))
}

/// Whether `folder` is a pipeline of the kind that is written.
fn is_pipeline(folder: &Path) -> bool {
    let index = std::fs::read(folder.join("model_index.json")).unwrap_or_default();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap_or_default();
    matches!(index["_class_name"].as_str(), Some("DDPMPipeline" | "DDIMPipeline"))
}

/// Checks that there is a folder to write `path` in.
pub fn check_parent(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    Err(Error::input(format!(
        "{}: expected a folder {} to write it in, found none",
        path.display(),
        folder.display()
    )))
}

/// Whether both are there, and one.
fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// `raster` as a PNG that says of itself what `texts` (keyword and text) say.
pub fn png(raster: &Raster, texts: &[(&str, String)]) -> Result<Vec<u8>> {
    encode_png(raster, texts).map_err(|error| Error::input(format!("the PNG cannot be encoded ({error})")))
}

fn encode_png(raster: &Raster, texts: &[(&str, String)]) -> std::result::Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, raster.width, raster.height);
    encoder.set_color(if raster.channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_itxt_chunk("Software".to_owned(), format!("ddpm {}", env!("CARGO_PKG_VERSION")))?;
    for (keyword, text) in texts {
        encoder.add_itxt_chunk((*keyword).to_owned(), text.clone())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&raster.pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Writes `bytes` as `path`, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic::write(path, bytes)
}

/// Writes `files` (name and bytes) as the folder `path`, which is not there or empty: all of them or none.
pub fn write_folder(path: &Path, files: impl Iterator<Item = Result<(String, Vec<u8>)>>) -> Result<()> {
    check_new_folder(path)?;
    let failed =
        |error: std::io::Error| Error::load(format!("{}: cannot be written ({error})", path.display()));
    let absolute = std::path::absolute(path).map_err(failed)?;
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    let beside = Beside(absolute.with_file_name(format!(".{name}.{}.tmp", std::process::id())));
    std::fs::create_dir(&beside.0).map_err(failed)?;
    for file in files {
        let (name, bytes) = file?;
        std::fs::write(beside.0.join(name), bytes).map_err(failed)?;
    }
    if absolute.exists() {
        // Not every system renames onto an empty folder.
        std::fs::remove_dir(&absolute).map_err(failed)?;
    }
    std::fs::rename(&beside.0, &absolute).map_err(failed)
}

/// A folder that is removed when dropped, if it is still there.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
