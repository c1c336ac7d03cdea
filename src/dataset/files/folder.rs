//! A folder of pictures.

mod list;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use self::list::{Entry, list};
use super::super::{Dataset, elements};
use super::decode;
use super::raw::zeros;
use super::{LoadOptions, Loaded, refused};
use crate::error::{Error, Result};

/// Reads the pictures of `folder` that are `options.split`'s, on all cores.
pub(super) fn load(
    folder: &Path,
    options: &LoadOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Loaded> {
    let Some([height, width]) = options.size else {
        return Err(Error::input(format!(
            "{}: expected a size for the pictures of a folder, found none",
            folder.display()
        )));
    };
    let shape = [options.channels.unwrap_or(3), height, width];
    let elements = elements(shape)?;
    let listing = list(folder, options)?;
    let entries = listing.entries;
    let mut pixels = zeros(entries.len(), elements)?;
    let mut bad = read_all(&entries, shape, options.skip_bad, &mut pixels, progress)?;
    bad.sort_by_key(|(ix, _)| *ix);

    let mut labels = listing.labels;
    let is_bad = |ix: usize| bad.binary_search_by_key(&ix, |(ix, _)| *ix).is_ok();
    let good: Vec<usize> = (0..entries.len()).filter(|&ix| !is_bad(ix)).collect();
    if good.is_empty() {
        let first = bad.first().map_or(String::new(), |(_, error)| error.to_string());
        let expected = "a picture that can be read";
        return Err(refused(folder, expected, format_args!("none of {} ({first})", entries.len())));
    }
    for (to, &from) in good.iter().enumerate() {
        pixels.copy_within(from * elements..(from + 1) * elements, to * elements);
        if let Some(labels) = &mut labels {
            labels[to] = labels[from];
        }
    }
    pixels.truncate(good.len() * elements);
    if let Some(labels) = &mut labels {
        labels.truncate(good.len());
    }
    Ok(Loaded {
        dataset: Dataset::new(shape, pixels, labels, listing.class_names)?,
        skipped: bad.into_iter().map(|(_, error)| error).collect(),
    })
}

/// The files of all pictures below `folder`, whatever they are for, in the order of their names' bytes; one at least.
pub(super) fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(list::pictures(folder)?.into_iter().map(|entry| entry.path).collect())
}

/// Reads each of `entries` as `shape` (C, H, W) to its place in `pixels`: `[N, C, H, W]`. Returns those that cannot be
/// read if `skip_bad`, in no order; else the first of them is the error.
fn read_all(
    entries: &[Entry],
    shape: [u32; 3],
    skip_bad: bool,
    pixels: &mut [u8],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<(usize, Error)>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(entries.len());
    let elements = pixels.len() / entries.len();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel(2 * threads);
    let mut bad = Vec::new();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((ix, entry)) = take(entries, next) {
                    // The receiver is there until all senders are gone.
                    let _ = sender.send((ix, read(&entry.path, shape)));
                }
            });
        }
        drop(sender);
        let mut done = 0;
        for (ix, result) in receiver {
            match result {
                Ok(planes) => pixels[ix * elements..(ix + 1) * elements].copy_from_slice(&planes),
                Err(error) => {
                    bad.push((ix, error));
                    if !skip_bad {
                        // All that come before it are read or being read, so the first bad one is found.
                        next.store(entries.len(), Ordering::Relaxed);
                    }
                }
            }
            done += 1;
            progress(done, entries.len() as u64);
        }
    });
    if skip_bad {
        return Ok(bad);
    }
    match bad.into_iter().min_by_key(|(ix, _)| *ix) {
        Some((_, error)) => Err(error),
        None => Ok(Vec::new()),
    }
}

/// The next entry that nobody has taken, and its index.
fn take<'a>(entries: &'a [Entry], next: &AtomicUsize) -> Option<(usize, &'a Entry)> {
    let ix = next.fetch_add(1, Ordering::Relaxed);
    entries.get(ix).map(|entry| (ix, entry))
}

/// The picture `path` as `shape`: `[C, H, W]`.
fn read(path: &Path, shape: [u32; 3]) -> Result<Vec<u8>> {
    let [channels, height, width] = shape;
    let picture = decode::picture(path)?.with_channels(channels).cover([height, width]);
    let picture = picture.map_err(|error| error.within(path.display()))?;
    let mut planes = vec![0; picture.pixels.len()];
    picture.write_planes(&mut planes);
    Ok(planes)
}
