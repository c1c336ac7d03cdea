//! Files that are either whole or not there: write beside, fsync, rename.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes `bytes` as the file `path`, in place of the one that may be there.
///
/// # Errors
/// If it cannot be written; then whatever was there still is, and nothing is left beside it.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    Staged::new(path.as_ref(), bytes)?.commit()
}

/// Whether `name` is of a file that [`write()`] began and did not come to rename, because it was killed.
pub fn is_leftover(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Removes such files from `folder`.
pub fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_leftover(&entry.file_name()) {
            // What cannot be removed is of no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes several files, and only when all are on the disk gives them their names.
///
/// # Errors
/// As [`write`]'s.
pub(super) fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let staged: Vec<Staged> =
        files.iter().map(|(path, bytes)| Staged::new(path, bytes)).collect::<Result<_>>()?;
    staged.into_iter().try_for_each(Staged::commit)
}

/// A whole file on the disk, beside the one that it is to become; removed when dropped.
struct Staged<'a> {
    beside: PathBuf,
    path: &'a Path,
}

impl<'a> Staged<'a> {
    fn new(path: &'a Path, bytes: &[u8]) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = path.file_name() else {
            return Err(Error::load(format!("{}: expected the name of a file to write", path.display())));
        };
        if path.is_dir() {
            return Err(Error::load(format!("{}: expected a file to write, found a folder", path.display())));
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}-{number}.tmp", std::process::id()));
        let beside = path.with_file_name(beside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)
            .map_err(|error| Error::load(format!("{}: cannot be written ({error})", path.display())))?;
        let staged = Self { beside, path };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        // Windows removes and renames closed files only.
        drop(file);
        match written {
            Ok(()) => Ok(staged),
            Err(error) => Err(staged.failed(error)),
        }
    }

    fn commit(self) -> Result<()> {
        fs::rename(&self.beside, self.path).map_err(|error| self.failed(error))?;
        // The rename itself lasts once the folder is on the disk; not every system lets a folder be synced.
        if let Some(Ok(folder)) = self.path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::load(format!("{}: cannot be written ({error})", self.path.display()))
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        let _ = fs::remove_file(&self.beside);
    }
}
