//! Pictures in numpy's files: numpy's own, ours, and what is neither.

use std::io::Write;
use std::path::Path;

use ddpm::dataset::files::{PictureSet, npz};

use super::super::fixtures::path;
use super::super::scratch::Scratch;

fn all(path: &Path) -> ddpm::error::Result<(Vec<u8>, [u32; 2])> {
    let set = PictureSet::open(path.to_str().expect("UTF-8"), None)?;
    let mut pixels = Vec::new();
    set.each(set.count(), &mut |picture| {
        pixels.extend_from_slice(picture);
        Ok(())
    })?;
    Ok((pixels, set.size()))
}

#[test]
fn numpys_files_are_read_and_ours_are_numpys() {
    let scratch = Scratch::new("npz");
    let (pixels, size) = all(&path("onnx/numpy.npz")).expect("numpy's");
    assert_eq!((pixels.len(), size), (5 * 12 * 10 * 3, [12, 10]));
    // Compressed, grey, by another name: the red channel.
    let (grey, size) = all(&path("onnx/compressed.npz")).expect("compressed");
    assert_eq!(size, [12, 10]);
    assert!(grey.chunks(3).zip(pixels.chunks(3)).all(|(grey, rgb)| grey == [rgb[0]; 3]));

    let bytes = npz::to_bytes(&pixels, size, Some(&[0, 1, 2, 3, 4])).expect("a file");
    let ours = scratch.path("ours.npz");
    std::fs::write(&ours, &bytes).expect("written");
    assert_eq!(all(&ours).expect("ours"), (pixels.clone(), size));
    // Of the arrays' files, numpy's bytes are ours.
    let numpys = std::fs::File::open(path("onnx/numpy.npz")).expect("opened");
    let mut numpys = zip::ZipArchive::new(numpys).expect("a zip file");
    let mut ours = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).expect("a zip file");
    for name in ["arr_0.npy", "arr_1.npy"] {
        let [mut want, mut found] = [Vec::new(), Vec::new()];
        std::io::copy(&mut numpys.by_name(name).expect(name), &mut want).expect("read");
        std::io::copy(&mut ours.by_name(name).expect(name), &mut found).expect("read");
        assert!(want == found, "{name}: {:?}", String::from_utf8_lossy(&found[..128]));
    }
    assert_eq!(ours.len(), 2);
    let without = npz::to_bytes(&pixels, size, None).expect("a file");
    assert_eq!(zip::ZipArchive::new(std::io::Cursor::new(without)).expect("a zip file").len(), 1);
    assert!(npz::to_bytes(&pixels[1..], size, None).is_err());
    assert!(npz::to_bytes(&pixels, size, Some(&[1])).is_err());
}

#[test]
fn what_is_no_set_of_pictures_is_refused() {
    let scratch = Scratch::new("no-npz");
    // Arrays by name, header and bytes, and what is said of them.
    let header = |dtype: &str, order: &str, shape: &str| {
        format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
    };
    let rows: [(&str, String, usize, &str); 12] = [
        ("arr_0", header("<f4", "False", "(2, 2, 2, 3)"), 96, "found <f4 [2, 2, 2, 3]"),
        ("arr_0", header("|u1", "True", "(2, 2, 2, 3)"), 24, "Fortran"),
        ("arr_0", header("|u1", "False", "(2, 2)"), 4, "found uint8 [2, 2]"),
        ("arr_0", header("|u1", "False", "(2, 3, 2, 2)"), 24, "[N, H, W, 3]"),
        ("arr_0", header("|u1", "False", "(0, 2, 2, 3)"), 0, "found uint8 [0, 2, 2, 3]"),
        ("arr_0", header("|u1", "False", "(2, 2, 2, 3)"), 23, "expected uint8 [2, 2, 2, 3]"),
        ("arr_0", header("|u1", "False", "(9000000000000000000, 2, 2, 3)"), 23, "[N, H, W, 3]"),
        ("arr_0", header("|u1", "False", "(2, 99999999, 2, 3)"), 23, "[N, H, W, 3]"),
        ("arr_0", header("|u1", "False", "(-2, 2, 2, 3)"), 24, "its header is"),
        ("arr_0", "{}".to_owned(), 24, "its header is {}"),
        ("arr_0", header("|u1", "False", "(2,"), 24, "its header is"),
        ("mu.npy,sigma", header("|u1", "False", "(2, 2, 2, 3)"), 24, "array arr_0, found mu, sigma"),
    ];
    let written = scratch.path("bad.npz");
    for (names, header, bytes, words) in rows {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&written).expect("created"));
        for name in names.split(".npy,") {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("begun");
            zip.write_all(b"\x93NUMPY\x01\x00").expect("written");
            zip.write_all(&(header.len() as u16).to_le_bytes()).expect("written");
            zip.write_all(header.as_bytes()).expect("written");
            zip.write_all(&vec![7; bytes]).expect("written");
        }
        zip.finish().expect("finished");
        let error = all(&written).err().unwrap_or_else(|| panic!("{header} is a set")).to_string();
        assert!(error.contains("bad.npz") && error.contains(words), "{words:?} in {error}");
    }
    let whole = std::fs::read(path("onnx/numpy.npz")).expect("read");
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&written, &whole[..length]).expect("written");
        let error = all(&written).expect_err("a part").to_string();
        assert!(error.contains("bad.npz"), "{error}");
    }
    for (name, words) in [("none.npz", "none.npz"), ("nothing", "a folder of pictures, an .npz file")] {
        let error = all(&scratch.path(name)).expect_err("nothing").to_string();
        assert!(error.contains(words), "{error}");
    }
}
