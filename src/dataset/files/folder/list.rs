//! Which pictures a folder has, of which class and to train or to test on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::super::{LoadOptions, Split, refused};
use crate::error::{Error, Result};
use crate::rng;

/// What the names of pictures end in, in any case.
const EXTENSIONS: [&str; 6] = ["bmp", "gif", "jpeg", "jpg", "png", "webp"];

/// The sub-folders that split a folder: one to train on, and one of those to test on.
const TRAIN: &str = "train";
const TEST: [&str; 2] = ["test", "val"];

/// A picture's file.
pub(super) struct Entry {
    pub path: PathBuf,
    /// Its path within the folder, with `/`.
    name: String,
}

/// The pictures of one part of a folder.
pub(super) struct Listing {
    /// In the order of their names' bytes; one at least.
    pub entries: Vec<Entry>,
    /// `[N]`, if sub-folders are classes.
    pub labels: Option<Vec<u32>>,
    /// Those of all parts.
    pub class_names: Vec<String>,
}

/// Lists the pictures of `folder` that are `options.split`'s.
pub(super) fn list(folder: &Path, options: &LoadOptions) -> Result<Listing> {
    if !(0.0..=1.0).contains(&options.held_out) {
        let found = options.held_out;
        return Err(Error::input(format!("share to test on: expected 0 to 1, found {found}")));
    }
    let parts = Parts::of(folder, options.held_out);
    let all = pictures(folder)?;
    let total = all.len();
    let all: Vec<(Split, Entry)> =
        all.into_iter().filter_map(|entry| Some((parts.split(&entry.name)?, entry))).collect();
    let class_names = if options.classes { class_names(&parts, &all)? } else { Vec::new() };
    let of_part = all.into_iter().filter(|(split, _)| *split == options.split);
    let entries: Vec<Entry> = of_part.map(|(_, entry)| entry).collect();
    if entries.is_empty() {
        let part = match options.split {
            Split::Train => "train",
            Split::Test => "test",
        };
        return Err(refused(
            folder,
            format_args!("a picture to {part} on"),
            format_args!("none among {total}, {parts}"),
        ));
    }
    let labels = options.classes.then(|| {
        let classes = entries.iter().filter_map(|entry| parts.class(&entry.name));
        let places =
            classes.filter_map(|class| class_names.binary_search_by(|name| (**name).cmp(class)).ok());
        places.map(|place| place as u32).collect()
    });
    Ok(Listing { entries, labels, class_names })
}

/// The classes of all parts, in the order of their bytes.
fn class_names(parts: &Parts, all: &[(Split, Entry)]) -> Result<Vec<String>> {
    let class = |(_, entry): &(Split, Entry)| {
        let class = parts.class(&entry.name).map(str::to_owned);
        class.ok_or_else(|| refused(&entry.path, "a sub-folder around it that is its class", "none"))
    };
    let names = all.iter().map(class).collect::<Result<BTreeSet<_>>>()?;
    Ok(names.into_iter().collect())
}

/// All pictures below `folder`, in the order of their names' bytes; one at least.
pub(super) fn pictures(folder: &Path) -> Result<Vec<Entry>> {
    if !folder.is_dir() {
        let found = if folder.exists() { "a file" } else { "none" };
        return Err(refused(folder, "a folder of pictures", found));
    }
    let mut pictures = Vec::new();
    let mut others = Vec::new();
    // Hidden files are other programs' notes: ._picture.png, .thumbnails/picture.png.
    let is_hidden = |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    let files = WalkDir::new(folder).follow_links(true).into_iter();
    for entry in files.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)) {
        let entry = entry
            .map_err(|error| Error::load(format!("{}: cannot be listed ({error})", folder.display())))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.into_path();
        let name = name_within(folder, &path);
        if is_picture(&path) {
            pictures.push(Entry { path, name });
        } else {
            others.push(name);
        }
    }
    if pictures.is_empty() {
        others.sort();
        let found = match others.first() {
            Some(first) => format!("{} other files ({first}, say)", others.len()),
            None => "no files".to_owned(),
        };
        return Err(refused(folder, format_args!("pictures (.{})", EXTENSIONS.join(", .")), found));
    }
    pictures.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    Ok(pictures)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// The path of `path` within `folder`, with `/` on every system.
fn name_within(folder: &Path, path: &Path) -> String {
    let within = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// What is to train on and what is to test on.
enum Parts {
    /// Sub-folders: `train` and this one.
    Folders(&'static str),
    /// This share is to test on.
    HeldOut(f64),
}

impl Parts {
    fn of(folder: &Path, held_out: f64) -> Self {
        let test = TEST.into_iter().find(|test| folder.join(test).is_dir());
        match test.filter(|_| folder.join(TRAIN).is_dir()) {
            Some(test) => Self::Folders(test),
            None => Self::HeldOut(held_out),
        }
    }

    /// The part of the picture `name`, if any.
    fn split(&self, name: &str) -> Option<Split> {
        match self {
            Self::Folders(test) => match name.split('/').next() {
                Some(TRAIN) => Some(Split::Train),
                Some(folder) if folder == *test => Some(Split::Test),
                _ => None,
            },
            Self::HeldOut(share) if share_of(name) < *share => Some(Split::Test),
            Self::HeldOut(_) => Some(Split::Train),
        }
    }

    /// The class of the picture `name`: the outermost sub-folder around it, within its part.
    fn class<'a>(&self, name: &'a str) -> Option<&'a str> {
        let within = match self {
            Self::Folders(_) => name.split_once('/')?.1,
            Self::HeldOut(_) => name,
        };
        within.split_once('/').map(|(class, _)| class)
    }
}

impl std::fmt::Display for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folders(test) => write!(f, "by its sub-folders {TRAIN} and {test}"),
            Self::HeldOut(share) => write!(f, "the share to test on being {share}"),
        }
    }
}

/// A hash of `name`, uniform between 0 and 1: FNV-1a of its bytes, mixed by Philox.
fn share_of(name: &str) -> f64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let [low, high] = rng::key(hash);
    rng::uniform(rng::philox4x32_10([low, high, 0, 0], [0, 0])[0])
}
