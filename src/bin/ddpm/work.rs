//! Long work: the folder that it is kept in, and what helps where memory is short.

use std::fs;
use std::path::Path;

use ddpm::checkpoint::atomic;
use ddpm::error::{Error, ErrorKind, Result};

use crate::output;

/// Checks that `kind` ("a run", say) can begin in the folder `path`, in which there is none: it is empty, or not there. Files
/// that were begun and never named, by work that was killed at its very beginning, are nobody's.
pub fn check_vacant(path: &Path, kind: &str) -> Result<()> {
    let refused = |expected: &str, found: &str| {
        Err(Error::input(format!("{}: expected {expected}, found {found}", path.display())))
    };
    if path.is_dir() {
        let mut entries = fs::read_dir(path)
            .map_err(|error| Error::load(format!("{}: cannot be listed ({error})", path.display())))?;
        return match entries.any(|entry| entry.is_ok_and(|entry| !atomic::is_leftover(&entry.file_name()))) {
            true => refused(&format!("a new or empty folder, or {kind}"), "other files in it"),
            false => Ok(()),
        };
    }
    if path.exists() {
        return refused("a folder to write", "a file");
    }
    output::check_parent(path)
}

/// Makes the folder `path` if it is not there.
pub fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if !path.is_dir() => {
            Err(Error::load(format!("{}: cannot be made ({error})", path.display())))
        }
        _ => Ok(()),
    }
}

/// Adds to an error for want of memory that a smaller value of `option` may help.
pub fn advise(option: &'static str) -> impl Fn(Error) -> Error {
    move |error| match error.kind() {
        ErrorKind::OutOfMemory | ErrorKind::Limits => {
            Error::new(error.kind(), format!("{error}; a smaller {option} may fit"))
        }
        _ => error,
    }
}
