//! CIFAR-10's binary version, well and badly made.

use ddpm::dataset::files::{LoadOptions, Source, Split};

use super::super::refusal::assert_refused;
use super::super::scratch::Scratch;
use super::{read, write};

const PLANE: usize = 32 * 32;

/// Records of `labels`; a picture's planes are its label + 10, + 20 and + 30.
fn records(labels: &[u8]) -> Vec<u8> {
    let record = |&label: &u8| {
        let planes = [10, 20, 30].into_iter().flat_map(move |offset| vec![label + offset; PLANE]);
        std::iter::once(label).chain(planes)
    };
    labels.iter().flat_map(record).collect()
}

/// Five files of two records, one to test on.
fn complete(test: &str, below: &str) -> Scratch {
    let scratch = Scratch::new(test);
    for batch in 1..=5 {
        write(&scratch, &format!("{below}/data_batch_{batch}.bin"), &records(&[batch, 9]));
    }
    write(&scratch, &format!("{below}/test_batch.bin"), &records(&[4]));
    scratch
}

fn at(scratch: &Scratch) -> LoadOptions {
    LoadOptions { data: Some(scratch.path("")), ..Default::default() }
}

#[test]
fn batches_are_read_in_order() {
    for below in [".", "cifar-10-batches-bin"] {
        let scratch = complete("cifar-order", below);
        let train = read(&Source::Cifar10, &at(&scratch)).expect("pictures to train on").dataset;
        assert_eq!((train.shape(), train.num_pictures()), ([3, 32, 32], 10));
        assert_eq!(train.labels(), Some(&[1, 9, 2, 9, 3, 9, 4, 9, 5, 9][..]));
        assert_eq!(train.class_names()[9], "truck");
        assert_eq!(train.picture(4), [vec![13; PLANE], vec![23; PLANE], vec![33; PLANE]].concat());
        let test = LoadOptions { split: Split::Test, ..at(&scratch) };
        let test = read(&Source::Cifar10, &test).expect("one to test on").dataset;
        assert_eq!((test.num_pictures(), test.labels()), (1, Some(&[4][..])));

        // BT.709: 0.2126 · 14 + 0.7152 · 24 + 0.0722 · 34 = 22.6.
        let grey =
            LoadOptions { split: Split::Test, channels: Some(1), size: Some([40, 20]), ..at(&scratch) };
        let grey = read(&Source::Cifar10, &grey).expect("a grey one").dataset;
        assert_eq!((grey.shape(), grey.picture(0)), ([1, 40, 20], &[23; 800][..]));

        let names = "a b c d e f g h i j".replace(' ', "\n") + "\n\n";
        write(&scratch, &format!("{below}/batches.meta.txt"), names.as_bytes());
        let named = read(&Source::Cifar10, &at(&scratch)).expect("pictures").dataset;
        assert_eq!(named.class_names().concat(), "abcdefghij");
    }
}

#[test]
fn bad_files_are_refused() {
    let rows: [(&str, Vec<u8>, &[&str]); 5] = [
        ("data_batch_3.bin", records(&[1])[..3072].to_vec(), &["data_batch_3.bin", "3073", "found 3072"]),
        ("data_batch_5.bin", [records(&[1]), vec![0]].concat(), &["data_batch_5.bin", "found 3074"]),
        ("data_batch_1.bin", vec![], &["data_batch_1.bin", "found 0 bytes"]),
        ("data_batch_2.bin", records(&[3, 10]), &["data_batch_2.bin", "0 to 9", "10 for picture 1"]),
        ("batches.meta.txt", b"cat\ndog\n".to_vec(), &["batches.meta.txt", "10 names", "found 2"]),
    ];
    for (name, bytes, words) in rows {
        let scratch = complete("cifar-bad", ".");
        write(&scratch, name, &bytes);
        assert_refused(read(&Source::Cifar10, &at(&scratch)), words);
    }
    let scratch = complete("cifar-missing", ".");
    std::fs::remove_file(scratch.path("data_batch_4.bin")).expect("removed");
    assert_refused(read(&Source::Cifar10, &at(&scratch)), &["data_batch_4.bin", "cannot be read"]);
    std::fs::remove_file(scratch.path("data_batch_1.bin")).expect("removed");
    assert_refused(read(&Source::Cifar10, &at(&scratch)), &["data_batch_1.bin", "binary version"]);
}
