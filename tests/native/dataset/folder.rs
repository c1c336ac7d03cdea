//! Folders of pictures: which, in which order, of which class and part, and bad ones among them.

use std::path::Path;

use ddpm::dataset::Dataset;
use ddpm::dataset::files::{LoadOptions, Loaded, Source, Split, load};
use ddpm::error::Result;
use image::{GrayImage, ImageFormat, Luma};

use super::super::refusal::assert_refused;
use super::super::scratch::Scratch;
use super::{read, write};

/// A PNG of one grey pixel.
fn png(grey: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    GrayImage::from_pixel(1, 1, Luma([grey])).write_to(&mut bytes, ImageFormat::Png).expect("encoded");
    bytes.into_inner()
}

/// A folder of pictures of one grey pixel.
fn folder(test: &str, pictures: &[(&str, u8)]) -> Scratch {
    let scratch = Scratch::new(test);
    for (name, grey) in pictures {
        write(&scratch, name, &png(*grey));
    }
    scratch
}

/// One grey pixel of every picture; all are to train on.
fn options() -> LoadOptions {
    LoadOptions { size: Some([1, 1]), channels: Some(1), held_out: 0.0, ..Default::default() }
}

fn of(scratch: &Scratch, options: &LoadOptions) -> Result<Loaded> {
    read(&Source::Folder(scratch.path("")), options)
}

fn greys(dataset: &Dataset) -> Vec<u8> {
    (0..dataset.num_pictures()).map(|ix| dataset.picture(ix)[0]).collect()
}

#[test]
fn pictures_come_in_the_order_of_their_paths() {
    let scratch = folder(
        "folder-order",
        &[
            ("b.png", 4),
            ("a/z.PNG", 2),
            ("a/deep/er/y.png", 1),
            ("a.png", 3),
            ("é ü.png", 5),
            (".hidden.png", 99),
            (".thumbnails/a.png", 99),
            ("a/._z.png", 99),
        ],
    );
    write(&scratch, "notes.txt", b"not a picture");
    // 'a.png' is before 'a/', as '.' is before '/'.
    let dataset = of(&scratch, &options()).expect("pictures").dataset;
    assert_eq!(greys(&dataset), [3, 1, 2, 4, 5]);
    let colour = LoadOptions { channels: None, ..options() };
    assert_eq!(of(&scratch, &colour).expect("pictures").dataset.shape(), [3, 1, 1]);
}

#[test]
fn sub_folders_are_classes() {
    let scratch = folder(
        "folder-classes",
        &[("dog/1.png", 30), ("cat/b/2.png", 20), ("cat/1.png", 10), ("emu/1.png", 40)],
    );
    std::fs::create_dir(scratch.path("ant")).expect("made");
    let classes = LoadOptions { classes: true, ..options() };
    let dataset = of(&scratch, &classes).expect("pictures").dataset;
    assert_eq!(greys(&dataset), [10, 20, 30, 40]);
    assert_eq!(dataset.labels(), Some(&[0, 0, 1, 2][..]));
    assert_eq!(dataset.class_names(), ["cat", "dog", "emu"]);
    write(&scratch, "stray.png", &png(1));
    assert_refused(of(&scratch, &classes), &["stray.png", "class"]);
}

/// The list is that of an FNV-1a and a Philox written in Python.
#[test]
fn the_part_to_test_on_is_a_hash_of_the_path() {
    let names: Vec<String> = (0..40).map(|ix| format!("{ix}.png")).collect();
    let pictures: Vec<(&str, u8)> = names.iter().map(String::as_str).zip(0..).collect();
    let scratch = folder("folder-split", &pictures);
    let part = |split| {
        let options = LoadOptions { split, held_out: 0.1, ..options() };
        let mut greys = greys(&of(&scratch, &options).expect("pictures").dataset);
        greys.sort_unstable();
        greys
    };
    assert_eq!(part(Split::Test), [13, 16, 18, 22, 38]);
    let both = [part(Split::Train), part(Split::Test)].concat();
    assert_eq!(both.len(), 40);
    assert!((0..40).all(|grey| both.contains(&grey)));
    // Others that come and go change nothing.
    std::fs::remove_file(scratch.path("0.png")).expect("removed");
    write(&scratch, "more/0.png", &png(200));
    assert_eq!(part(Split::Test).iter().filter(|&&grey| grey != 200).count(), 5);
}

#[test]
fn the_folders_train_and_test_are_the_parts() {
    for test in ["test", "val"] {
        let named = |name: &str| name.replace("TEST", test);
        let names = ["train/cat/1.png", "train/emu/1.png", "TEST/cat/1.png", "TEST/dog/1.png"].map(named);
        let pictures: Vec<(&str, u8)> = names.iter().map(String::as_str).zip(1..).collect();
        let scratch = folder("folder-parts", &pictures);
        write(&scratch, "overview.png", &png(99));
        let part = |split| {
            let options = LoadOptions { split, classes: true, held_out: 1.0, ..options() };
            of(&scratch, &options).expect("pictures").dataset
        };
        let (train, test) = (part(Split::Train), part(Split::Test));
        assert_eq!((greys(&train), greys(&test)), (vec![1, 2], vec![3, 4]));
        assert_eq!((train.labels(), test.labels()), (Some(&[0, 2][..]), Some(&[0, 1][..])));
        assert_eq!(
            (train.class_names(), train.class_names()),
            (test.class_names(), &["cat", "dog", "emu"].map(str::to_owned)[..])
        );
    }
}

#[test]
fn bad_pictures_are_errors_or_left_out() {
    let pictures: Vec<(String, u8)> = (0..60).map(|ix| (format!("{}/{ix:02}.png", ix / 20), ix)).collect();
    let pictures: Vec<(&str, u8)> = pictures.iter().map(|(name, grey)| (name.as_str(), *grey)).collect();
    let scratch = folder("folder-bad", &pictures);
    let bad = ["0/07.png", "1/20.png", "1/31.png", "2/59.png"];
    write(&scratch, bad[0], &png(7)[..40]);
    write(&scratch, bad[1], b"");
    write(&scratch, bad[2], b"<!DOCTYPE html>");
    let mut damaged = png(59);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    write(&scratch, bad[3], &damaged);
    let options = LoadOptions { classes: true, ..options() };
    for _ in 0..5 {
        // However the threads run, the first one is named.
        assert_refused(of(&scratch, &options), &[bad[0], "expected a picture"]);
    }
    let mut calls = Vec::new();
    let skipping = LoadOptions { skip_bad: true, ..options };
    let loaded =
        load(&Source::Folder(scratch.path("")), &skipping, &mut |done, total| calls.push((done, total)));
    let loaded = loaded.expect("the good ones");
    assert_eq!(calls, (1..=60).map(|done| (done, 60)).collect::<Vec<_>>());
    let good: Vec<u8> = (0..60).filter(|ix| ![7, 20, 31, 59].contains(ix)).collect();
    assert_eq!(greys(&loaded.dataset), good);
    let labels: Vec<u32> = good.iter().map(|grey| u32::from(grey / 20)).collect();
    assert_eq!(loaded.dataset.labels(), Some(&labels[..]));
    assert_eq!(loaded.skipped.len(), 4);
    for (error, name) in loaded.skipped.iter().zip(bad) {
        assert!(error.to_string().contains(name), "{name} in {error}");
    }
}

#[test]
fn folders_without_what_is_wanted_are_refused() {
    let scratch = folder("folder-refused", &[("one.png", 1)]);
    let here = scratch.path("").display().to_string();
    for (wrong, words) in [
        (LoadOptions { size: None, ..options() }, vec![&*here, "size"]),
        (LoadOptions { size: Some([0, 1]), ..options() }, vec!["1 x 0"]),
        (LoadOptions { channels: Some(4), ..options() }, vec!["4 channels"]),
        (LoadOptions { size: Some([u32::MAX; 2]), ..options() }, vec!["memory"]),
        (LoadOptions { held_out: 1.5, ..options() }, vec!["0 to 1", "1.5"]),
        (LoadOptions { held_out: 1.0, ..options() }, vec![&*here, "to train on", "none among 1", "being 1"]),
        (LoadOptions { split: Split::Test, ..options() }, vec![&*here, "to test on", "being 0"]),
        (LoadOptions { data: Some("elsewhere".into()), ..options() }, vec!["folder:", "elsewhere"]),
    ] {
        assert_refused(of(&scratch, &wrong), &words);
    }
    let refuse = |path: &Path, words: &[&str]| {
        assert_refused(read(&Source::Folder(path.to_owned()), &options()), words);
    };
    refuse(&scratch.path("nowhere"), &["nowhere", "found none"]);
    refuse(&scratch.path("one.png"), &["one.png", "found a file"]);
    std::fs::create_dir(scratch.path("empty")).expect("made");
    refuse(&scratch.path("empty"), &["empty", ".png", "no files"]);
    write(&scratch, "empty/b.txt", b"");
    write(&scratch, "empty/a.heic", b"");
    refuse(&scratch.path("empty"), &["empty", "2 other files (a.heic, say)"]);
    write(&scratch, "bad/1.png", b"nothing");
    let skipping = LoadOptions { skip_bad: true, ..options() };
    let all_bad = read(&Source::Folder(scratch.path("bad")), &skipping);
    assert_refused(all_bad, &["bad", "none of 1", "1.png"]);
}

#[cfg(unix)]
#[test]
fn a_folder_within_itself_is_refused() {
    let scratch = folder("folder-loop", &[("a/one.png", 1)]);
    std::os::unix::fs::symlink(scratch.path("a"), scratch.path("a/again")).expect("linked");
    assert_refused(of(&scratch, &options()), &["cannot be listed", "again"]);
}
