//! Where data sets usually are.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A data set as people install it.
pub(super) struct Known {
    /// Its name.
    pub name: &'static str,
    /// Folders that hold its files, below a place for data.
    pub below: &'static [&'static str],
    /// What to do if it is nowhere.
    pub advice: &'static str,
}

/// Where files are in a folder that is the data set's own: there, or as torchvision and npm packages have them.
const OWN: [&str; 3] = ["", "raw", "data"];

/// The folder with one of `files` in it, their first being the usual: `data`, or what is usual below it; without
/// `data`, what is usual below the places for data.
///
/// # Errors
/// If there is none: what was looked for, where, and where it comes from.
pub(super) fn find(known: &Known, data: Option<&Path>, files: &[String]) -> Result<PathBuf> {
    let (roots, below) = match data {
        Some(data) => (vec![data.to_owned()], [&OWN, known.below].concat()),
        // Not in a place for data itself: MNIST's files and Fashion-MNIST's have the same names.
        None => (usual(), known.below.to_vec()),
    };
    let mut folders = roots.iter().flat_map(|root| below.iter().map(move |below| root.join(below)));
    if let Some(folder) = folders.find(|folder| files.iter().any(|file| folder.join(file).is_file())) {
        return Ok(folder);
    }
    let roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let below: Vec<&str> = below.into_iter().filter(|below| !below.is_empty()).collect();
    Err(Error::load(format!(
        "{}: expected {} in {}{} below {}, found none; {}",
        known.name,
        files.first().map_or("", String::as_str),
        if data.is_some() { "the folder itself or in " } else { "" },
        below.join(", "),
        roots.join(", "),
        known.advice
    )))
}

/// Places for data: of the project, of the user, of the system.
fn usual() -> Vec<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()).map(PathBuf::from);
    let cache = given.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    [PathBuf::from("data"), PathBuf::from("node_modules")]
        .into_iter()
        .chain(cache)
        .chain([PathBuf::from("/usr/share/datasets")])
        .collect()
}
