//! Sample sets: as `ddpm sample` writes them and `ddpm eval --frechet` compares them.

use ddpm::picture::to_byte;

use super::super::fixtures::path;
use super::Scratch;
use super::bad_input::assert_refused;

/// A folder with the network `name` of tests/fixtures/onnx as features.onnx.
fn scratch(test: &str, models: &[&str], name: &str) -> Scratch {
    let scratch = Scratch::new(test, models);
    std::fs::copy(path("onnx").join(name), scratch.0.join("features.onnx")).expect("a copy");
    scratch
}

/// The distance that is said.
fn distance(said: &str) -> f64 {
    let number = said.strip_prefix("Fréchet distance ").and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn samples_are_sets_and_sets_have_a_distance() {
    let scratch = scratch("sets", &["grey28", "classes16"], "dynamic.onnx");
    let said = scratch.succeed(
        "sample --model grey28 --count 3 --first-sample 9 --sampler ddim --steps 2 --pictures set --npz set.npz --tensors \
         set.safetensors",
    );
    assert!(said.contains("set.npz") && said.trim_end().ends_with(", set"), "{said}");
    assert!(!scratch.0.join("grid.png").exists(), "a grid that nobody asked for");
    let (_, pictures) = scratch.tensor("set.safetensors", "pictures");
    let names: Vec<_> = std::fs::read_dir(scratch.0.join("set")).expect("a folder").flatten().collect();
    assert_eq!(names.len(), 3);
    for (ix, picture) in pictures.chunks_exact(784).enumerate() {
        let image = image::open(scratch.0.join(format!("set/{:06}.png", 9 + ix))).expect("a picture");
        let want: Vec<u8> = picture.iter().map(|&x| to_byte(x)).collect();
        assert!(image.color() == image::ColorType::L8 && image.into_bytes() == want, "picture {ix}");
    }
    // The same pictures, once grey and once with three equal channels.
    let line = "eval --features features.onnx --frechet set";
    assert!(distance(&scratch.succeed(&format!("{line} set.npz"))) < 1e-6);

    // Each class in turn, so there are labels.
    scratch
        .succeed("sample --model classes16 --count 4 --sampler ddim --steps 2 --size 28x28 --npz other.npz");
    let file = std::fs::File::open(scratch.0.join("other.npz")).expect("opened");
    let mut zip = zip::ZipArchive::new(file).expect("a zip file");
    let mut labels = Vec::new();
    std::io::copy(&mut zip.by_name("arr_1.npy").expect("labels"), &mut labels).expect("read");
    let labels: Vec<u8> = labels[labels.len() - 32..].iter().step_by(8).copied().collect();
    assert_eq!(labels, [0, 1, 2, 3]);
    let said = scratch.succeed(&format!("{line} other.npz"));
    assert!(distance(&said) > 1e-3, "{said}");
    assert!(said.contains("set (3 pictures) and other.npz (4 pictures)"), "{said}");
    assert!(said.contains("\n3 pictures do not determine a covariance of 6 features"), "{said}");
    let other = scratch.succeed(&format!("{line} other.npz --count 2 --features-range -1..1"));
    assert!(other.contains("other.npz (2 pictures)") && distance(&other) != distance(&said), "{other}");
}

#[test]
fn a_distance_is_scipys() {
    let scratch = scratch("scipys", &[], "dynamic.onnx");
    let fixture = super::Fixture::load("onnx/found.safetensors");
    let bytes = std::fs::read(path("onnx/found.safetensors")).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("tensors");
    let pictures = file.tensor("pictures").expect("pictures");
    for (name, part) in [("a", 0..3), ("b", 2..5)] {
        let part = &pictures.data()[part.start * 360..part.end * 360];
        let npz = ddpm::dataset::files::npz::to_bytes(part, [12, 10], None).expect("a file");
        scratch.write(&format!("{name}.npz"), &npz);
    }
    let found = distance(&scratch.succeed("eval --frechet a.npz b.npz --features features.onnx"));
    let want = fixture.f64("pictures_distance").data[0];
    assert!(want > 1e-4 && (found - want).abs() < 2e-6, "{found}, expected {want}");
}

#[test]
fn bad_sets_and_networks() {
    let scratch = scratch("bad-sets", &["grey28"], "dynamic.onnx");
    let npz = |count: usize, side: u32| {
        let pixels = vec![5; count * (side * side * 3) as usize];
        ddpm::dataset::files::npz::to_bytes(&pixels, [side; 2], None).expect("a file")
    };
    scratch.write("a.npz", &npz(4, 8));
    scratch.write("large.npz", &npz(4, 9));
    scratch.write("one.npz", &npz(1, 8));
    scratch.write("junk.npz", b"junk");
    scratch.write("junk.onnx", b"no network");
    std::fs::create_dir(scratch.0.join("empty")).expect("a folder");
    std::fs::create_dir(scratch.0.join("full")).expect("a folder");
    scratch.write("full/000000.png", b"");
    let rows = [
        (2, "eval --frechet a.npz a.npz", "--features"),
        (2, "eval --frechet a.npz --features features.onnx", "2 values"),
        (2, "eval --features features.onnx", "--frechet"),
        (2, "eval --frechet a.npz a.npz --features features.onnx --model grey28", "--model"),
        (2, "eval --frechet a.npz a.npz --features features.onnx --timesteps 4", "--timesteps"),
        (2, "eval --frechet a.npz a.npz --features features.onnx --features-range 0..2", "0..2"),
        (1, "eval --frechet a.npz a.npz --features junk.onnx", "junk.onnx: expected a network"),
        (1, "eval --frechet a.npz a.npz --features none.onnx", "none.onnx"),
        (1, "eval --frechet a.npz a.npz --features a.npz", ".onnx"),
        (
            1,
            "eval --frechet a.npz large.npz --features features.onnx",
            "large.npz: expected pictures of 8 x 8",
        ),
        (1, "eval --frechet a.npz one.npz --features features.onnx", "one.npz: expected 2 pictures at least"),
        (1, "eval --frechet a.npz a.npz --features features.onnx --count 5", "expected 5 pictures, found 4"),
        (1, "eval --frechet a.npz junk.npz --features features.onnx", "junk.npz"),
        (1, "eval --frechet a.npz empty --features features.onnx", "empty"),
        (1, "eval --frechet a.npz full --features features.onnx", "000000.png"),
        (1, "eval --frechet a.npz none --features features.onnx", "none"),
        (1, "eval --frechet a.npz mnist --data empty --features features.onnx", "mnist"),
        (1, "sample --model grey28 --pictures full", "full: expected an empty folder"),
        (1, "sample --model grey28 --pictures a.npz", "a.npz: expected an empty folder"),
        (1, "sample --model grey28 --pictures nowhere/set", "nowhere"),
        (2, "sample --model grey28 --npz set.zip", ".npz"),
    ];
    assert_refused(&scratch, &rows);
}
