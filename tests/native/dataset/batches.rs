//! Batches, on this thread and on another.

use std::sync::Arc;

use ddpm::dataset::order::BatchOrder;
use ddpm::dataset::{Batch, Batches, Dataset, LabelDropout, Loader, LoaderOptions, to_signed};
use ddpm::picture::to_byte;

use super::super::refusal::assert_refused;
use super::numbered;

fn options(batch_size: u32) -> LoaderOptions {
    LoaderOptions { batch_size, seed: 7, mirror: false, label_dropout: None }
}

fn loader(dataset: &Arc<Dataset>, options: LoaderOptions) -> Loader {
    Loader::new(dataset.clone(), options).expect("a loader")
}

#[test]
fn a_batch_has_the_pictures_of_its_samples() {
    let shape = [3, 2, 5];
    let dataset = Arc::new(numbered(5, shape, true));
    let mut loader = loader(&dataset, LoaderOptions { mirror: true, ..options(3) });
    let mut order = BatchOrder::new(7, 5, true);
    let (mut epoch, mut mirrored) = (Vec::new(), 0);
    // Steps 1 and 3 run across the ends of epochs.
    for step in 0..5 {
        let batch = loader.batch(step).expect("a batch");
        assert_eq!((batch.step, batch.first_sample), (step, 3 * step));
        let labels = batch.labels.as_ref().expect("labels");
        assert_eq!((batch.pixels.len(), labels.len()), (3 * 30, 3));
        for (ix, s) in (3 * step..).take(3).enumerate() {
            let item = order.item(s);
            let mut wanted = dataset.picture(item.picture_ix).to_vec();
            if item.mirrored {
                wanted.chunks_mut(5).for_each(<[u8]>::reverse);
                mirrored += 1;
            }
            assert_eq!(batch.pixels[ix * 30..(ix + 1) * 30], wanted, "sample {s}");
            assert_eq!(labels[ix], item.picture_ix, "sample {s}");
            epoch.push(item.picture_ix);
        }
        let x_start = batch.x_start();
        assert!(x_start.iter().zip(&batch.pixels).all(|(&x, &byte)| x == to_signed(byte)));
    }
    assert!((1..15).contains(&mirrored), "both kinds are tested: {mirrored}");
    for epoch in epoch.chunks_mut(5) {
        epoch.sort_unstable();
        assert_eq!(epoch, [0, 1, 2, 3, 4]);
    }
    let unlabelled = Arc::new(numbered(2, [1, 1, 1], false));
    assert_eq!(self::loader(&unlabelled, options(4)).batch(0).expect("a batch").labels, None);
}

#[test]
fn samples_do_not_depend_on_the_batch() {
    let dataset = Arc::new(numbered(7, [1, 3, 3], true));
    let dropout = Some(LabelDropout { null_class: 7, probability: 0.5 });
    let samples = |batch_size: u32| {
        let options = LoaderOptions { mirror: true, label_dropout: dropout, ..options(batch_size) };
        let mut loader = loader(&dataset, options);
        let batches = (0..24 / batch_size).map(|step| loader.batch(step).expect("a batch"));
        let (pixels, labels): (Vec<_>, Vec<_>) =
            batches.map(|batch| (batch.pixels, batch.labels.expect("labels"))).unzip();
        (pixels.concat(), labels.concat())
    };
    let wanted = samples(24);
    assert!(samples(1) == wanted && samples(4) == wanted && samples(12) == wanted);
}

/// The list is that of a Philox written in Python.
#[test]
fn labels_are_dropped_by_their_own_stream() {
    let dataset = Arc::new(numbered(40, [1, 1, 1], true));
    let dropped = |probability: f64| {
        let dropout = LabelDropout { null_class: 99, probability };
        let mut loader = loader(&dataset, LoaderOptions { label_dropout: Some(dropout), ..options(40) });
        let labels = loader.batch(0).expect("a batch").labels.expect("labels");
        (0..).zip(labels).filter(|(_, label)| *label == 99).map(|(s, _)| s).collect::<Vec<u32>>()
    };
    assert_eq!(dropped(0.25), [15, 16, 17, 19, 20, 21, 24, 29]);
    assert!(dropped(0.0).is_empty());
    assert_eq!(dropped(1.0).len(), 40);
}

#[test]
fn bytes_go_to_the_signed_range_and_back() {
    assert_eq!([to_signed(0), to_signed(255)], [-1.0, 1.0]);
    assert!((0..=255).all(|byte| to_byte(to_signed(byte)) == byte));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let set = |pixels: usize, labels: Option<Vec<u32>>, names: usize| {
        Dataset::new([1, 2, 2], vec![0; pixels], labels, vec!["name".to_owned(); names])
    };
    assert_refused(set(0, None, 0), &["whole pictures of 4 bytes", "found 0"]);
    assert_refused(set(7, None, 0), &["whole pictures of 4 bytes", "found 7"]);
    assert_refused(set(8, None, 2), &["names"]);
    assert_refused(set(8, Some(vec![0]), 2), &["2 pictures", "found 1 labels"]);
    assert_refused(set(8, Some(vec![0, 2]), 2), &["below 2", "found 2 at picture 1"]);
    assert_refused(Dataset::new([2, 1, 1], vec![0; 2], None, vec![]), &["1 or 3 channels", "2 channels"]);
    assert_refused(Dataset::new([1, 0, 1], vec![0; 2], None, vec![]), &["1 pixel", "1 x 0"]);
    assert_refused(Dataset::new([3, u32::MAX, u32::MAX], vec![0; 2], None, vec![]), &["4294967295"]);

    let (labelled, unlabelled) =
        (Arc::new(numbered(2, [1, 1, 1], true)), Arc::new(numbered(2, [1, 1, 1], false)));
    let dropping = |probability| LoaderOptions {
        label_dropout: Some(LabelDropout { null_class: 2, probability }),
        ..options(1)
    };
    assert_refused(Loader::new(labelled.clone(), options(0)), &["batch size", "found 0"]);
    assert_refused(Loader::new(labelled.clone(), dropping(1.5)), &["expected 0 to 1", "1.5"]);
    assert_refused(Loader::new(labelled.clone(), dropping(f64::NAN)), &["expected 0 to 1", "NaN"]);
    assert_refused(Loader::new(unlabelled, dropping(0.5)), &["labels"]);
    assert!(loader(&labelled, options(2)).batch((1 << 31) - 1).is_ok(), "the last samples");
    assert_refused(loader(&labelled, options(2)).batch(1 << 31), &["step 2147483648", "2^32"]);
    assert_refused(loader(&labelled, options(3)).batch(u32::MAX / 3), &["2^32"]);
}

#[test]
fn another_thread_makes_the_same_batches() {
    let dataset = Arc::new(numbered(7, [3, 4, 4], true));
    let options = LoaderOptions { mirror: true, ..options(4) };
    let mut here = loader(&dataset, options.clone());
    let wanted: Vec<Batch> = (0..9).map(|step| here.batch(step).expect("a batch")).collect();
    for first in [0, 5, 9] {
        let batches = Batches::new(loader(&dataset, options.clone()), first..9).expect("a thread");
        let found: Vec<Batch> = batches.map(|batch| batch.expect("a batch")).collect();
        assert_eq!(found, wanted[first as usize..], "from step {first}");
    }
    // One that nobody waits for ends.
    let mut endless = Batches::new(loader(&dataset, options), 0..u32::MAX / 4).expect("a thread");
    assert_eq!(endless.next().expect("a batch").expect("a batch"), wanted[0]);
    drop(endless);
}

#[test]
fn errors_come_through_the_thread() {
    let batch_size = 1 << 20;
    let dataset = Arc::new(numbered(batch_size, [1, 1, 1], false));
    let mut batches = Batches::new(loader(&dataset, options(batch_size)), 4095..5000).expect("a thread");
    assert_eq!(batches.next().expect("the last batch").expect("a batch").step, 4095);
    assert_refused(batches.next().expect("an error"), &["step 4096", "2^32"]);
    assert!(batches.next().is_none());
}
