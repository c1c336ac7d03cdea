//! Reading data sets for a verb.

use ddpm::dataset::Dataset;
use ddpm::dataset::files::{self, LoadOptions, Source};
use ddpm::error::Result;

use crate::model;
use crate::progress::Progress;

/// The pictures, and what is to be said of them.
pub fn load(source: &Source, options: &LoadOptions) -> Result<(Dataset, Vec<String>)> {
    let mut progress: Option<Progress> = None;
    let mut hear = |done: u64, total: u64| {
        progress.get_or_insert_with(|| Progress::new("pictures", total)).set(done, "reading");
    };
    let loaded = files::load(source, options, &mut hear)?;
    let skipped = loaded.skipped.first().map(|first| {
        format!("{} pictures are left out, as they cannot be read; the first: {first}", loaded.skipped.len())
    });
    Ok((loaded.dataset, skipped.into_iter().collect()))
}

/// A data set's name, without where it is.
pub fn name(source: &Source) -> String {
    match source {
        Source::Folder(path) => format!("folder:{}", model::name(path)),
        _ => source.to_string(),
    }
}
