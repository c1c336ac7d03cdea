//! Checkpoints: configurations, files and folders, good and bad.

mod bad_files;
mod configs;
mod folders;
mod round_trips;

use std::path::{Path, PathBuf};

use ddpm::error::Error;

/// The U-Net fixtures: folder, tensors, elements.
const FIXTURES: [(&str, usize, usize); 4] = [
    ("cifar32", 328, 565_315),
    ("cifar32_legacy_keys", 328, 565_315),
    ("classes16", 143, 129_654),
    ("grey28", 182, 280_177),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet")).join(name)
}

/// An empty folder of a test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Every file and folder below, sorted.
    fn listing(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.clone());
                if path.is_dir() {
                    walk(&path, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.0, &mut found);
        let mut names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Why `error` is not one sentence with all of `words`, if it is not.
fn complaint(error: &Error, words: &[&str]) -> Option<String> {
    let sentence = error.to_string();
    let missing = words.iter().find(|word| !sentence.contains(**word));
    if let Some(word) = missing {
        return Some(format!("{word:?} is not in: {sentence}"));
    }
    let whole = !sentence.contains('\n') && !sentence.ends_with('.') && sentence.len() < 600;
    (!whole).then(|| format!("not one sentence: {sentence}"))
}

/// Asserts that `result` is an error of one sentence with all of `words`.
#[track_caller]
fn assert_refused<T>(result: Result<T, Error>, words: &[&str]) {
    match result {
        Ok(_) => panic!("expected an error with {words:?}"),
        Err(error) => {
            if let Some(complaint) = complaint(&error, words) {
                panic!("{complaint}");
            }
        }
    }
}

#[test]
fn the_comparator_of_sentences_sees_wrong_ones() {
    let error = |text: &str| Error::load(text);
    assert!(complaint(&error("act_fn: expected silu, found gelu"), &["act_fn", "gelu"]).is_none());
    assert!(complaint(&error("act_fn: expected silu, found gelu"), &["mid_block_type"]).is_some());
    assert!(complaint(&error("act_fn: expected\nsilu"), &["act_fn"]).is_some());
    assert!(complaint(&error(&"act_fn".repeat(200)), &["act_fn"]).is_some());
}
